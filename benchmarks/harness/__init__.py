"""Systems in processes of their own, timed in turn on the same sentences.

A suite opens a :class:`.process.SystemProcess` for each system; the process runs :mod:`.worker`, which opens a
:class:`.systems.System` and does what it is asked (:mod:`.protocol`). :mod:`.rounds` times the systems, :mod:`.corpus`
is what they label, :mod:`.limit` what the machine could do. What ``framing benchmark`` measures too is in
:mod:`framing.speed`.
"""
