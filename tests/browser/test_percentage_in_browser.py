"""The browser writes shares as Python does."""

from pathlib import Path

import numpy as np

from vit_core.percentage import percent

COMPONENTS = Path(__file__).resolve().parents[2] / "app/components"


def test_python_and_javascript_write_the_same_percentages(chromium):
    random = np.random.default_rng(0)
    shares = [*random.random(2000), *10.0 ** random.uniform(-9, 0, 4000), *(1 - 10.0 ** random.uniform(-9, 0, 2000))]
    halves = [n / 2**k for k in range(12) for n in range(2**k + 1)]  # exact, so that some lie between two roundings
    shares = [float(share) for share in (*shares, *halves)] + [0.0001, 0.000995, 0.00995, 0.0995, 0.995, 0.9995]
    page = chromium.new_page()
    shown = page.evaluate(
        f"x => {{ {(COMPONENTS / 'percent.js').read_text('utf-8')}; return x.map(percent); }}", shares
    )
    page.close()
    assert shown == [percent(share) for share in shares]


def test_no_component_has_a_rule_of_its_own():
    scripts = [path for path in COMPONENTS.rglob("*.js") if "function percent" in path.read_text("utf-8")]
    assert scripts == [COMPONENTS / "percent.js"]
