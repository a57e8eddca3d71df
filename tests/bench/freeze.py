"""What garbage collection costs, and whether freezing leaks memory: `python tests/bench/freeze.py`.

Prints one line of JSON each. CPU time of a rerun of the whole page (ms, median): with Streamlit's full collection and
nothing frozen, with it and everything frozen, and without it, as the app runs. Then the resident memory (MB) after two
models have evicted each other from the cache twice, and twenty times.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def reruns(collect: bool, count: int = 30) -> dict:
    import gc

    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=120).run()
    took = []
    for _ in range(count):
        begun = time.process_time()
        app.run()
        if collect:
            gc.collect(2)  # as `runner.postScriptGC` has it; AppTest leaves it out
        took.append((time.process_time() - begun) * 1e3)
    assert not app.exception
    return {"frozen": gc.get_freeze_count(), "rerun_cpu_ms": round(statistics.median(took), 1)}


def evictions(count: int = 20) -> dict:
    import numpy as np
    from PIL import Image

    from app.explore import cached

    image, seen = Image.fromarray(np.zeros((60, 40, 3), np.uint8)), []
    for number in range(count):
        for name in "embedded:photo", "embedded:fashion":
            assert cached.result(name, str(number), image).atlas.payload
        seen.append(resident())
    return {"after_2_mb": round(seen[1], 1), f"after_{count}_mb": round(seen[-1], 1)}


def main() -> None:
    if sys.argv[1:]:
        sys.path.insert(0, str(ROOT))
        print(json.dumps(evictions() if sys.argv[1] == "evictions" else reruns(sys.argv[1] == "collecting")))
        return
    runs = (
        ("collecting", {"VITRINE_NO_FREEZE": "1"}),
        ("collecting", {}),
        ("reruns", {}),
        ("evictions", {"VITRINE_MODELS_MB": "1"}),
    )
    for what, settings in runs:
        env = os.environ | settings
        done = subprocess.run([sys.executable, __file__, what], env=env, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        print(json.dumps({"what": what, **settings} | json.loads(done.stdout.splitlines()[-1])), flush=True)


if __name__ == "__main__":
    main()
