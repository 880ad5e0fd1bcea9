"""Batch jobs: corpora larger than memory, labelled in units of bounded size, killed and resumed without loss.

A job lives in one folder:

======================  =============================================================================================
``plan.json``           what is to be done: the input's content by hash, the model, the settings, the units of work
``shards/N.parquet``    the records of unit N (:mod:`framing.batch.shards` has the schema)
``rejected/N.parquet``  its rows that could not be used, with place and reason; only where there are any
``mentions/N.parquet``  its mentions as a flat table, where they were asked for
``done/N.json``         unit N is finished: row counts, and the files' sizes and SHA-256
``lock*``               who works in the folder now
======================  =============================================================================================

A unit's files are written under temporary names, synced and renamed, and only then is ``done/N.json`` written in the
same way; so a unit is done or it is not, whenever the machine stops.
"""
