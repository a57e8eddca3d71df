"""Write maps over a picture: rollout, what supports the two most probable classes, and features as colours.

    python examples/maps.py assets/samples/kitten.jpg --model embedded:photo --out out

Rollout does not depend on a class; the next two do (layer-wise relevance propagation). In the last, patches of similar
colour have similar features in the last layer.
"""

import argparse
from pathlib import Path

from PIL import Image

import vit_core as vc
from vit_core.attribution import lrp, on_grid
from vit_core.images import grid_to_picture, overlay, read_image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--model", default="embedded:photo")
    parser.add_argument("--out", type=Path, default=Path("out"))
    args = parser.parse_args()

    model = vc.load(args.model)
    picture = read_image(args.picture)
    trace = vc.record(model, picture, features=True)
    maps = {"rollout": trace.on_grid(vc.rollout(trace))}

    pixels = model.transform(picture)[0].to(trace.tokens.device)  # (1, C, height, width)
    for target in trace.logits.topk(2).indices.tolist():
        maps[f"for {model.labels[target]}"] = on_grid(model, pixels, lrp(model, pixels, target))

    args.out.mkdir(parents=True, exist_ok=True)
    for name, grid in maps.items():
        path = args.out / f"{args.picture.stem} {name}.png"
        over = grid_to_picture(grid.cpu().numpy(), trace.crop, model.config.patch_size, smooth=True)
        overlay(picture, over).save(path)
        print(path)

    projection = vc.features.pca(trace, layer=trace.depth - 1).project(trace)
    colours = Image.fromarray(vc.features.as_rgb([projection])[0].cpu().numpy())
    path = args.out / f"{args.picture.stem} features.png"
    colours.resize(trace.crop.input[::-1], Image.Resampling.NEAREST).save(path)
    print(path)


if __name__ == "__main__":
    main()
