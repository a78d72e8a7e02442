"""Who reaches whom, as one table of values with several judges.

place      where a packet starts or ends: a workload of this host, an unknown interface, another machine, the host
world      which places are endpoints with which profiles, and what the profiles say
probe      one packet and whether it must arrive: ``"a>b tcp/80 yes"``
step       a world and the probes in it; a scenario is steps, with connections kept from step to step
judge      the pure evaluator, the fake host, the real kernel: each must agree with the table
"""
