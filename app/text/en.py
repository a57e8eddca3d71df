"""English."""

SENTENCES = {
    # the frame
    "app.name": "Vitrine",
    "page.explore": "Explore",
    "page.lecture": "Lecture",
    "side.language": "Language",
    "side.picture": "Picture",
    "side.source.sample": "Sample",
    "side.source.file": "File",
    "side.source.camera": "Camera",
    "side.sample": "Sample picture",
    "side.file": "Drop a picture here",
    "side.file.help": "JPEG, PNG, WebP, BMP or GIF (its first frame), at most 20 MB. It stays on the computer that "
    "runs Vitrine.",
    "side.file.choose": "Upload",
    "side.file.limit": "20MB per file",
    "side.file.drop": "Drag and drop a file here",
    "side.file.refused": "Not taken. One file at a time, at most 20 MB; if it is not that, try again.",
    "side.camera": "Take a picture",
    "side.camera.shoot": "Take Photo",
    "side.camera.again": "Clear photo",
    "side.camera.allow": "Allow the camera in your browser.",
    "side.frames": "An animation of {count} frames: the first is shown.",
    "side.part": "So large a picture is opened at 1/{part} of its size.",
    "side.credit": "{author} · {licence}",
    "side.model": "Model",
    "model.photo": "Photographs",
    "model.fashion": "Clothes",
    "side.model.other": "Another model …",
    "side.model.name": "Name of the model",
    "side.model.name.help": "`timm:vit_tiny_patch16_224`, `hf:facebook/dinov2-small` or `file:/path/to/model.pth`. "
    "`timm:` and `hf:` need the network the first time.",
    "side.model.facts": "{layers:layer|layers} × {heads:head|heads} · width {dim} · {parameters} parameters",
    "side.stays": "It stays in this tab: a reload, or a copied link, opens a sample.",
    "side.lost": "The server was restarted, or could not reach this page for too long, and has let go of your picture. "
    "Give it again.",
    "side.assumed": "This checkpoint lacks some settings. Assumed: {settings}. If that is wrong, so are the results. "
    "Files written by `vc.save` hold all settings.",
    "side.assumed.heads": "heads {width} wide",
    "side.assumed.pool": "the head reads the class token",
    "side.assumed.average": "the head reads the mean of the patches",
    "side.assumed.layers": "norms first in a layer, activation {activation}",
    "side.assumed.grid": "a square grid",
    "side.assumed.preprocess": "colours of mean and deviation 0.5",
    "side.model.device": "Runs on {device} · last pass {time}",
    "device.cpu": "the CPU",
    "device.cuda": "the GPU (CUDA)",
    "device.mps": "the GPU (MPS)",
    "busy.again": "Try again",
    "side.model.fell": "The GPU's memory was too small for this picture, so the CPU ran it.",
    "side.model.kept": "The GPU's memory was too small for this model, so the CPU runs it.",
    "busy.model": "Loading {name} …",
    "busy.result": "Running the model …",
    "busy.result.took": "Running the model … (the last picture took {time})",
    "busy.figure": "Computing …",
    "busy.figure.took": "Computing … (it took {time} the last time)",
    "time.ms": "{value}\u00a0ms",
    "time.s": "{value}\u00a0s",
    "last.picture": "Still showing {name}, the last picture that could be read.",
    "last.model": "Still showing {name}, the last model that could be loaded.",
    "none.model": "There is no model here yet. Choose one at the left: **Another model …** takes a file or a name.",
    "none.picture": "Choose a picture at the left.",
    "title.camera": "camera picture",
    "fold": "The equation, and what this does not show",
    "token.class": "class token",
    "token.distillation": "distillation token",
    "token.register": "register {number}",
    "from.patch": "the patch in row {row}, column {col}",
    "from.token": "the {token}",
    # what the model received
    "received.title": "What does the model receive?",
    "received.text": "Of {width} × {height} pixels, the model sees {crop_width} × {crop_height}, resized to "
    "{input_width} × {input_height} and cut into {rows} × {cols} = {patches} patches of "
    "{patch_width} × {patch_height} pixels. Tokens before them: {prefix}; the sequence is {tokens} "
    "long.",
    "received.not": "Each patch becomes one vector: within it, the model knows no pixels any more. What lies outside "
    "the crop has no influence at all. The picture shown here is the input before it is normalised.",
    "received.alt": "the model's input of {width} × {height} pixels, cut into patches",
    # predictions
    "predictions.title": "What does it see in the picture?",
    "predictions.text": "The {count} most probable of {classes} classes. The model is {percent} % sure of **{name}**.",
    "predictions.expected": "The picture shows: **{name}**.",
    "predictions.hover": "%{customdata}: %{text}<extra></extra>",
    "predictions.not": "A probability among the classes it was taught, which always sum to 100 %: a picture of "
    "something else still gets an answer, often a confident one.",
    "predictions.none": "This model has no classification head: it was trained to describe pictures, not to name "
    "them. All other figures work.",
    "predictions.class": "class {number}",
    # positions
    "positions.title": "Which places does the model hold to be alike?",
    "positions.text": "At the place of each patch, a small map: how similar its position embedding is to that of "
    "every other patch (Dosovitskiy et al. 2021, figure 7, centre). Click one to enlarge it.",
    "positions.one": "How alike is every place to row {row}, column {col}?",
    "positions.one.text": "The map of one patch, enlarged. 1: the same direction; 0: unrelated; below: opposed.",
    "positions.hover": "row %{customdata[0]}, column %{customdata[1]}: %{z:.2f}<extra></extra>",
    "positions.pick": "seen from row %{customdata[0]}, column %{customdata[1]}<extra></extra>",
    "positions.scale": "cosine similarity",
    "positions.not": "It belongs to the model, not to the picture: no pixel enters it. Where it is high, the two "
    "places are marked alike; whether the layers make use of that is another question.",
    "positions.none": "This model adds no learned position embedding, so there is none to compare.",
    # filters
    "filters.title": "What does the patch embedding look for?",
    "filters.text": "The {count} principal components of its {dim} filters, the strongest first; together they "
    "explain {percent} % of their variance (figure 7, left).",
    "filters.not": "Each is stretched over its own range around grey, so their strengths cannot be compared by eye. "
    "The model does not use these components one by one, but sums of all of them.",
    "filters.alt": "{count} filters, each {width} × {height} pixels",
    # the atlas
    "atlas.answer": "The model says: {answer}.",
    "atlas.none": "This model names no classes; what it looks at can be seen all the same.",
    "atlas.class": "**{name}** {percent} %",
    "map.shared": "Same scale",
    "map.shared.help": "On: colours can be compared between maps. Off: each map uses its own range, so that faint ones "
    "can be read.",
    "map.opacity": "Map opacity",
    "map.place": "row {row}, column {col}: {percent}",
    "attention.not": "Where a head looks is not why the model decides: the weights say nothing about what is read "
    "there (the values), nor about the other heads, the residual stream and the MLPs. In deep "
    "layers a token is no longer its patch, but a mixture of many.",
    # rollout
    "rollout.title": "What has flowed here through all layers?",
    "rollout.text": "Attention rollout (Abnar & Zuidema 2020) from {origin}: the maps after each layer, layers "
    "{first} to {last}. A click enlarges one.",
    "rollout.text.one": "Attention rollout (Abnar & Zuidema 2020) from {origin}, layers {first} to {last}. With this "
    "many tokens, only the chosen depth is computed, and from a patch once it is pinned.",
    "rollout.depth": "Depth: up to layer",
    "rollout.span": "First and last layer",
    "rollout.residual": "Residual weight",
    "rollout.residual.help": "The share of each token that passes a layer unchanged: 0.5 in the paper, 0 for "
    "attention alone.",
    "rollout.fusion": "Heads joined by",
    "rollout.fusion.mean": "mean",
    "rollout.fusion.max": "max",
    "rollout.fusion.min": "min",
    "rollout.discard": "Discard lowest",
    "rollout.discard.help": "The share of the smallest weights of each layer that is set to zero first.",
    "rollout.label": "{layer} · {peak} %",
    "rollout.stage": "enlarged map; arrow keys read it patch by patch",
    "rollout.one": "What has reached this token by layer {layer}?",
    "rollout.one.text": "Most from row {row}, column {col}: {peak} %. {share} % stems from patches, the rest from "
    "{others}.",
    "rollout.one.all": "Most from row {row}, column {col}: {peak} %. All of it stems from patches.",
    "rollout.not": "It follows attention weights alone and takes every head's values to be equal and the MLPs to do "
    "nothing. It depends on the picture and the weights, but not on the class: it cannot say what "
    "speaks for “cat” rather than “dog”.",
    # heads
    "distances.title": "How far does each head look?",
    "distances.text": "A dot is a head, the line their mean: the mean distance between a patch and what it looks at "
    "(figure 7, right). Highlighted: layer {layer}, head {head}, {value} patches.",
    "distances.text.mean": "A dot is a head, the line their mean: the mean distance between a patch and what it "
    "looks at (figure 7, right).",
    "distances.x": "layer",
    "distances.y": "distance (patches)",
    "distances.hover": "layer %{customdata[0]}, head %{customdata[1]}: %{y:.2g} patches<extra></extra>",
    "distances.not": "For this one picture; the paper averages over 128. A mean distance does not tell whether a "
    "head looks at a ring or everywhere.",
    "entropies.title": "How widely does each head look?",
    "entropies.text": "The mean entropy of a head's attention. 0 bits: one token only; the dotted line, {most} bits: "
    "all {tokens} tokens alike.",
    "entropies.y": "entropy (bits)",
    "entropies.hover": "layer %{customdata[0]}, head %{customdata[1]}: %{y:.2g} bits<extra></extra>",
    "entropies.not": "Low entropy means a sharp look, not an important one. Tokens before the patches are counted too.",
    "norms.title": "How long are the tokens' vectors, layer by layer?",
    "norms.text": "The L2 norm of each token: entering the first layer (0) and leaving every layer.",
    "norms.median": "patches, median",
    "norms.range": "patches, range",
    "norms.x": "after layer",
    "norms.y": "L2 norm",
    "norms.hover": "after layer %{x}: %{y:.2g}<extra>%{fullData.name}</extra>",
    "norms.not": "A few patches with very long vectors (Darcet et al. 2024) serve the model as storage and spoil "
    "attention maps; but a norm says nothing about a token's content. Norms of different models cannot "
    "be compared.",
    # lists
    "list.none": "none",
    "list.more": "{names} and {count} more",
}
