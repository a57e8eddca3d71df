"""Each hostile checkpoint is refused with its own code, within 2 s and 300 MB, and nothing in it is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SECONDS, MEGABYTES = 2.0, 300

#: In a process of its own, which forks for every case: one that ends, hangs or swells costs the others nothing.
CHILD = """
import json, os, sys, time
from pathlib import Path
import torch
import vit_core as vc
from vit_core.checkpoints import _timm, huggingface, local, timm
from make_weights import Case
import safetensors.torch, huggingface_hub, timm.data, timm.models.vision_transformer

def memory():
    lines = Path("/proc/self/status").read_text().splitlines()
    return {l.split(":")[0]: int(l.split()[1]) / 1024 for l in lines if l.startswith(("VmHWM", "VmRSS"))}

def tried(load):
    before, begun = memory()["VmRSS"], time.monotonic()
    try:
        vc.load(load, "cpu")
        said = ["loaded", ""]
    except vc.InputError as error:
        said = [error.code, str(error)]
    except BaseException as error:
        said = [type(error).__name__, str(error)[:300]]
    return [*said, time.monotonic() - begun, memory()["VmHWM"] - before]

torch.set_num_threads(1)
vc.load("embedded:digits" if False else vc.available()[0].name, "cpu")
imagenet = local._imagenet(1000)
cases, results = json.loads(Path(sys.argv[1]).read_text()), {}
for case, load in cases.items():
    read, write = os.pipe()
    child = os.fork()
    if not child:
        import signal
        signal.alarm(20)
        os.write(write, json.dumps(tried(load)).encode()[:60000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    status = os.waitpid(child, 0)[1]
    results[case] = json.loads(said) if said else [f"ended with {status}", "", 20.0, 0.0]
print(json.dumps(results))
"""


def test_each_hostile_checkpoint_is_refused(tmp_path, monkeypatch, measured):
    from tests.hostile import make_weights

    canary = tmp_path / "ran"
    cases = make_weights.cases(tmp_path, canary)
    (tmp_path / "cases.json").write_text(json.dumps({name: case.load for name, case in cases.items()}))
    here = Path(make_weights.__file__).parent
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1",
           "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])])}
    done = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path / "cases.json")], env=env, capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads(done.stdout.splitlines()[-1])
    wrong = []
    for name, case in cases.items():
        code, sentence, seconds, megabytes = results[name]
        if code != case.code or case.says.lower() not in sentence.lower():
            wrong.append(f"{name}: {code}, not {case.code} ({case.says}): {sentence[:200]}")
        elif seconds > SECONDS or megabytes > MEGABYTES or len(sentence) > 12_000:
            wrong.append(f"{name}: {seconds:.1f} s, {megabytes:.0f} MB, {len(sentence)} characters")
    slowest = max(results, key=lambda n: results[n][2])
    largest = max(results, key=lambda n: results[n][3])
    measured(f"{len(cases)} hostile checkpoints: slowest {results[slowest][2]:.2f} s ({slowest}), "
             f"largest +{results[largest][3]:.0f} MB ({largest})")
    assert not wrong, "\n".join(wrong)
    assert not canary.exists()
