"""Maps of an evaluation's errors: regions and clusters worked by hand, interrupted runs, and a planted shortcut."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from filelock import FileLock

import vit_core as vc
from tests import shortcut
from vit_core import attribution as at
from vit_core.cli import main
from vit_core.data import open_dataset, read_boxes
from vit_core.evaluation import Rows, cancel, evaluate
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.maps import (
    MIN_SILHOUETTE,
    Maps,
    compute_maps,
    find_clusters,
    load_maps,
    read_maps_progress,
    region_weights,
)
from vit_core.evaluation.maps.analysis import resized
from vit_core.evaluation.maps.compute import choose_pictures
from vit_core.evaluation.maps.store import pack_map


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A model that has learned a shortcut, and its evaluation."""
    home = tmp_path_factory.mktemp("shortcut")
    model = shortcut.train()
    vc.save(model, home / "model.safetensors")
    shortcut.write_pictures(home / "pictures")
    dataset = open_dataset(home / "pictures")
    evaluate(model, dataset, home / "run", name="shortcut", workers=0)
    return SimpleNamespace(home=home, model=model, dataset=dataset, out=home / "run")


@pytest.fixture
def run(learned, tmp_path):
    """A copy of that evaluation, without maps."""
    shutil.copytree(learned.out, tmp_path / "run")
    return SimpleNamespace(**vars(learned) | {"out": tmp_path / "run", "rows": Rows(tmp_path / "run/rows.parquet")})


def compute(run, **options):
    return compute_maps(run.model, run.dataset, run.out, **{"method": "attention", "limit": 4} | options)


def of_values(values, wrong=None, box=None) -> Maps:
    """Maps (n, rows, cols), all of errors unless `wrong` says otherwise."""
    n = len(values)
    wrong = np.ones(n, bool) if wrong is None else np.array(wrong)
    return Maps(np.arange(n), wrong, values, "legrad", True, np.full(n, np.nan) if box is None else np.array(box))


def test_the_border_is_an_eighth_on_each_side_and_the_centre_the_middle_half():
    border, centre = region_weights("border", 8, 4), region_weights("centre", 8, 4)
    assert border[0].tolist() == [1, 1, 1, 1]
    assert border[1].tolist() == [0.5, 0, 0, 0.5]  # an eighth of the width is half a patch
    assert centre.tolist() == [[0, float(2 <= row < 6), float(2 <= row < 6), 0] for row in range(8)]
    for rows, cols in ((8, 4), (14, 14), (3, 5), (1, 1)):  # shares of the area, whatever the grid
        assert region_weights("border", rows, cols).mean() == pytest.approx(7 / 16)
        assert region_weights("centre", rows, cols).mean() == pytest.approx(1 / 4)
    with pytest.raises(ValueError, match="border or centre"):
        region_weights("edge", 8, 8)


def test_shares_are_of_the_maps_sum():
    values = np.zeros((2, 4, 4), np.float32)
    values[0, 0, 0], values[0, 1, 1] = 0.75, 0.25  # three quarters of the corner patch are border
    values[1] = 1 / 16
    maps = of_values(values, wrong=[True, False])
    assert maps.shares("border").tolist() == pytest.approx([0.5625, 7 / 16])
    assert maps.shares("centre").tolist() == pytest.approx([0.25, 0.25])
    assert maps.mean[0, 0] == pytest.approx((0.75 + 1 / 16) / 2)
    assert np.isnan(maps.chosen(np.zeros(2, bool)).mean).all()


def test_the_box_is_a_region_only_where_a_picture_has_one():
    values = np.full((3, 4, 4), 1 / 16, np.float32)
    assert of_values(values).regions == ("border", "centre")
    maps = of_values(values, box=[0.5, np.nan, 0.25])
    assert maps.regions == ("border", "centre", "box")
    assert maps.shares("box").tolist() == pytest.approx([0.5, np.nan, 0.25], nan_ok=True)
    assert maps.mean_share("box") == pytest.approx(0.375)
    assert maps.chosen(np.array([1])).regions == ("border", "centre")
    assert np.isnan(maps.chosen(np.array([1])).mean_share("box"))


def test_a_map_is_stored_as_its_positive_part():
    assert list(pack_map(np.array([[-3.0, 0.0, 1.0, 2.0]]))) == [0, 0, 128, 255]
    assert list(pack_map(np.array([[-3.0, -1.0]]))) == [0, 0]


def test_another_grid_is_resized_by_area():
    assert resized(np.array([[1, 3], [5, 7]], np.float32), 1, 1).tolist() == [[4]]
    assert resized(np.arange(6, dtype=np.float32).reshape(2, 3), 2, 3).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_known_groups_are_found_with_the_most_typical_first():
    random = np.random.default_rng(0)
    values = random.uniform(0, 0.2, (30, 14, 14)).astype(np.float32)
    values[:18, :4, :4] += 10
    values[18:, 9:, 9:] += 10
    values[5, 9:, 9:] += 3  # in the first group, but the least typical of it
    values /= values.sum((1, 2), keepdims=True)
    found = find_clusters(of_values(values))
    assert [sorted(one.members) for one in found.clusters] == [[*range(18)], [*range(18, 30)]]
    assert found.clusters[0].members[-1] == 5
    assert found.silhouette > 0.8
    np.testing.assert_allclose(found.clusters[1].mean, values[18:].mean(0), rtol=1e-5)


@pytest.mark.parametrize(("count", "clusters"), [(0, 0), (5, 1), (19, 1)])
def test_few_maps_are_not_divided(count, clusters):
    values = np.random.default_rng(0).uniform(0, 1, (count, 8, 8)).astype(np.float32)
    found = find_clusters(of_values(values))
    assert [len(one.members) for one in found.clusters] == [count] * clusters
    assert np.isnan(found.silhouette)


def test_maps_without_structure_stay_one_cluster():
    values = np.random.default_rng(0).uniform(0, 1, (40, 8, 8)).astype(np.float32)
    found = find_clusters(of_values(values))
    assert [len(one.members) for one in found.clusters] == [40]
    assert 0 < found.silhouette < MIN_SILHOUETTE


def test_as_many_correct_pictures_as_errors_are_chosen_in_turn(run):
    wrong, right = (set(run.rows.numbers(Filter(outcome=name)).tolist()) for name in ("wrong", "right"))
    chosen = choose_pictures(run.rows)
    count = min(len(wrong), len(right))
    assert set(chosen[: 2 * count : 2]) <= wrong
    assert set(chosen[1 : 2 * count : 2]) <= right
    assert set(chosen) >= wrong
    assert len(set(chosen)) == len(chosen) == len(wrong) + count
    assert choose_pictures(run.rows, 3) == chosen[:6]


def test_the_maps_are_those_of_attribute_for_the_predicted_class(run):
    table = pq.read_table(compute(run, method="attnlrp")).to_pylist()
    assert len(table) == 8
    for line in table:
        row = run.rows.at([line["number"]])[0]
        assert (line["path"], line["wrong"]) == (row["path"], row["predicted"] != row["label"])
        picture = run.dataset.read(list(run.dataset.names).index(line["path"]))
        found = at.attribute(run.model, picture, row["predicted"], "attnlrp").on_grid.numpy().clip(0)
        stored = np.frombuffer(line["map"], np.uint8).reshape(line["rows"], line["cols"])
        np.testing.assert_allclose(stored / 255, found / found.max(), atol=0.002)


def test_maps_are_read_with_sum_1_and_only_for_their_rows(run):
    assert load_maps(run.out, run.rows) is None
    compute(run)
    maps = load_maps(run.out, run.rows)
    assert maps.complete
    assert maps.values.shape == (8, 8, 8)
    np.testing.assert_allclose(maps.values.sum((1, 2)), 1, rtol=1e-5)
    table = pq.read_table(run.out / "rows.parquet").to_pandas()
    table.loc[0, "predicted"] = (table.loc[0, "predicted"] + 1) % 3
    table.to_parquet(run.out / "other.parquet")
    assert load_maps(run.out, Rows(run.out / "other.parquet")) is None


def test_a_stopped_run_continues_and_its_maps_can_be_read(run):
    whole = compute(run).read_bytes()
    with pytest.raises(vc.InputError, match="stopped after 3 of 8") as error:
        compute(run, restart=True, should_stop=lambda: read_maps_progress(run.out).done == 3)
    assert error.value.code == "evaluate-cancelled"
    progress = read_maps_progress(run.out)
    assert (progress.state, progress.done, progress.total) == ("cancelled", 3, 8)
    unfinished = load_maps(run.out, run.rows)
    assert (len(unfinished.numbers), unfinished.complete) == (3, False)
    with open(run.out / ".maps.jsonl", "a") as file:
        file.write('{"number": 7, "pa')  # as a killed run leaves it
    seen = []
    assert compute(run, on_progress=seen.append).read_bytes() == whole
    assert [one.done for one in seen] == [4, 5, 6, 7, 8]
    assert read_maps_progress(run.out).state == "done"
    assert not (run.out / ".maps.jsonl").exists()


def test_a_finished_run_is_not_repeated_and_another_method_begins_anew(run):
    compute(run)
    seen = []
    compute(run, on_progress=seen.append)
    assert not seen
    compute(run, method="rollout", on_progress=seen.append)
    assert len(seen) == 8
    assert load_maps(run.out, run.rows).method == "rollout"


def test_it_can_be_cancelled_from_outside_and_a_killed_run_is_noticed(run):
    def stop(progress):
        cancel(run.out)

    with pytest.raises(vc.InputError, match="stopped after 1 of 8"):
        compute(run, on_progress=stop)
    state = json.loads((run.out / "maps.json").read_text())
    (run.out / "maps.json").write_text(json.dumps(state | {"state": "running"}))
    assert read_maps_progress(run.out).state == "interrupted"
    lock = FileLock(run.out / ".lock")
    with lock:
        assert read_maps_progress(run.out).state == "running"
    compute(run)
    with lock:
        assert read_maps_progress(run.out).state == "starting"


def test_an_evaluation_of_another_model_is_refused(run):
    torch.manual_seed(1)
    other = vc.VisionTransformer(run.model.config)
    other.transform, other.labels = run.model.transform, run.model.labels
    with pytest.raises(vc.InputError) as error:
        compute_maps(other.eval(), run.dataset, run.out)
    assert error.value.code == "evaluate-other"
    assert read_maps_progress(run.out).error.code == "evaluate-other"
    assert json.loads((run.out / "run.json").read_text())["state"] == "done"


def test_a_picture_that_is_gone_has_an_error_in_place_of_a_map(run, tmp_path):
    shutil.copytree(run.home / "pictures", tmp_path / "pictures")
    gone = run.rows.at([choose_pictures(run.rows)[0]])[0]["path"]
    (tmp_path / "pictures" / gone).unlink()
    run.dataset = open_dataset(tmp_path / "pictures")
    table = pq.read_table(compute(run)).to_pylist()
    assert vc.InputError.from_json(table[0]["error"]).code == "image-missing"
    assert read_maps_progress(run.out).errors == 1
    assert len(load_maps(run.out, run.rows).numbers) == 7
    with pytest.raises(ValueError, match="method"):
        compute(run, method="guess")


def test_boxes_give_the_share_of_each_map_inside(run, tmp_path):
    first, second = run.rows.at(choose_pictures(run.rows, 4)[:2])
    (tmp_path / "boxes.csv").write_text(f"path,left,top,right,bottom\n{first['path']},0,0,9,19\n")
    lines = pq.read_table(compute(run, method="attnlrp", boxes=read_boxes(tmp_path / "boxes.csv"))).to_pylist()
    values = at.attribute(run.model, run.dataset.read(first["number"]), first["predicted"], "attnlrp").on_grid.clamp(0)
    assert lines[0]["path"] == first["path"]
    assert lines[0]["box"] == pytest.approx(float(values[:4, :2].sum() / values.sum()), rel=1e-5)
    assert (lines[1]["path"], lines[1]["box"]) == (second["path"], None)
    maps = load_maps(run.out, run.rows)
    assert maps.regions == ("border", "centre", "box")
    assert np.isfinite(maps.box).sum() == 1
    seen = []
    compute(run, method="attnlrp", on_progress=seen.append)
    assert len(seen) == 8  # other boxes begin anew


def test_the_clusters_of_errors_reveal_the_planted_shortcut(run, capsys):
    model = f"file:{run.home / 'model.safetensors'}"
    assert main(["maps", str(run.home / "pictures"), "--model", model, "--out", str(run.out), "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "cluster 1" in printed
    assert str(run.out / "maps.parquet") in printed
    maps = load_maps(run.out, run.rows)
    errors = maps.chosen(maps.wrong)
    planted = np.array(["patch" in row["path"] for row in run.rows.at(errors.numbers)])
    assert planted.sum() >= 25  # of the 30 that have the patch
    clusters = find_clusters(errors).clusters
    corner = max(clusters, key=lambda one: one.mean[0, 0])
    assert corner.mean[0, 0] > 0.5
    assert planted[corner.members].mean() > 0.9
    assert planted[corner.members].sum() > 0.9 * planted.sum()
    assert errors.shares("border")[planted].min() > errors.shares("border")[~planted].mean()


def test_the_command_needs_an_evaluation(tmp_path, capsys):
    assert main(["maps", str(tmp_path), "--out", str(tmp_path / "none")]) == 2
    assert "run the evaluation to its end" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
