"""Whole worlds made of a seed, with faults in them, in which the program has to keep its laws.

One seed draws a world (`world`), whose parts meet on a `stage`: the simulated Intuit, the stores that outlast
a process, and processes that run the production jobs and pacing (`process`). Phase one runs with faults; phase two
heals the world and demands completion (`rehearsal`). `oracles` watch and judge; `swarm` runs many seeds.

What is added later is one small file each, named in the table of its package: a job in `jobs`, a fault in `faults`,
an oracle in `oracles`.
"""
