"""How fast this machine labels sentences: what a user can run with the installed package (``framing benchmark``).

Every system runs in a process of its own (:mod:`.worker`, :mod:`.process`), all on the same sentences
(:mod:`.sentences`), round by round in turn (:mod:`.throughput`), beside the matrix products that the machine itself can
do in the same run (:mod:`.limits`). The suites in ``benchmarks/`` of the checkout measure other libraries in the same
way. Importing this package loads nothing heavy.
"""
