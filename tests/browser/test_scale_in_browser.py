"""The colours of a map end in the browser where they end in Python."""

from pathlib import Path

import numpy as np

from vit_core.images.draw import scale_end

SCRIPT = Path(__file__).resolve().parents[2] / "app/components/scale.js"


def maps() -> list[list[float]]:
    """Maps of every size up to some hundred patches, flat to peaked, with planted outliers."""
    random, out = np.random.default_rng(0), []
    for size in [*range(1, 260), 576, 1369]:
        for sharpness in (0.1, 1, 3, 8):
            weights = np.exp(sharpness * random.standard_normal(size))
            weights[random.permutation(size)[: random.integers(0, 5)]] *= 10 ** random.uniform(0, 2)
            out.append(weights / weights.sum())
    return [one.astype(np.float32).tolist() for one in [*out, np.zeros(9), np.ones(9), np.eye(1, 196)[0]]]


def test_python_and_javascript_end_a_scale_at_the_same_value(chromium):
    values = maps()
    outliers = [i % 4 for i in range(len(values))]
    page = chromium.new_page()
    ends, roots, above = page.evaluate(
        f"""([maps, outliers]) => {{ {SCRIPT.read_text("utf-8")}
            const ends = maps.map((map, i) => scaleEnd(map, 0, map.length, true, false, outliers[i]));
            const within = maps.map((map, i) =>
                scaleEnd([9, ...map.map(Math.sqrt), 9], 1, map.length + 1, true, true, outliers[i]));
            return [ends, within, maps.map((map, i) => countAbove(map, 0, map.length, ends[i]))]; }}""",
        [values, outliers],
    )
    page.close()
    wanted = [scale_end(np.array(one), extra) for one, extra in zip(values, outliers, strict=True)]
    assert ends == wanted
    np.testing.assert_allclose(np.square(roots), wanted, rtol=1e-12)
    clipped = [end < max(one) for end, one in zip(wanted, values, strict=True)]
    assert 100 < sum(clipped) < len(values) - 100
    assert all(
        bool(count) == cut and count <= np.ceil(len(one) / 100) + extra
        for count, cut, one, extra in zip(above, clipped, values, outliers, strict=True)
    )


def test_without_the_switch_a_scale_ends_at_the_largest_value(chromium):
    page = chromium.new_page()
    found = page.evaluate(f"map => {{ {SCRIPT.read_text('utf-8')}; return scaleEnd(map, 0, 4, false) }}", [1, 40, 2, 3])
    page.close()
    assert found == 40
