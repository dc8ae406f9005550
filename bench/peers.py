"""A chain or a fan-out of jobs that run `true`, by Parsl's FluxExecutor on the broker around it: peers.py chain|fan COUNT DIRECTORY."""

import os
import sys

import parsl
from parsl import bash_app
from parsl.config import Config
from parsl.executors import FluxExecutor

shape, count, directory = sys.argv[1], int(sys.argv[2]), sys.argv[3]
# Without `flux start`, so that jobs run where those of the others do.
launch = "{python} {manager} {protocol} {hostname} {port}"
executor = FluxExecutor(working_dir=os.path.join(directory, "tasks"), launch_cmd=launch)
config = Config(executors=[executor], run_dir=os.path.join(directory, "runinfo"), usage_tracking=0)


@bash_app
def step(inputs=()):
    return "true"


with parsl.load(config):
    if shape == "chain":
        last = step()
        for _ in range(count - 1):
            last = step(inputs=[last])
        last.result()
    else:
        for each in [step() for _ in range(count)]:
            each.result()
