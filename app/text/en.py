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
    "side.file.help": "JPEG, PNG, WebP, BMP, GIF, TIFF or AVIF (the first frame or page), at most 20 MB. It "
    "stays on the computer that runs Vitrine.",
    "side.file.choose": "Upload",
    "side.file.limit": "20MB per file",
    "side.file.drop": "Drag and drop a file here",
    "side.file.refused": "Upload refused. Choose one file of at most 20 MB, or try again.",
    "side.camera": "Take a picture",
    "side.camera.shoot": "Take Photo",
    "side.camera.again": "Clear photo",
    "side.camera.allow": "Allow the camera in your browser.",
    "side.frames": "An animation of {count} frames; the first one is shown.",
    "side.pages": "A file of {count} pages; the first one is shown.",
    "side.part": "This large picture is read at 1/{part} of its size.",
    "side.credit": "{author} · {licence}",
    "side.model": "Model",
    "side.model.next": "Model for the next evaluation",
    "model.photo": "ViT-S/14",
    "model.fashion": "Clothes",
    "model.tiny": "Ten classes, 8 × 8 patches",
    "side.model.other": "Another model …",
    "side.model.name": "Name of the model",
    "side.model.name.help": "`timm:vit_tiny_patch16_224`, `hf:facebook/dinov2-small` or `file:/path/to/model.pth`. "
    "`timm:` and `hf:` need the network the first time.",
    "side.model.facts": "{layers:layer|layers} × {heads:head|heads} · width {dim} · {parameters} parameters",
    "side.stays": "The picture stays in this tab: after a reload, or from a copied link, a sample is shown.",
    "side.lost": "The server was restarted, or lost its connection to this page for too long, and no longer has "
    "your picture. Please choose it again.",
    "side.assumed": "This checkpoint lacks some settings. Assumed: {settings}. If that is wrong, so are the "
    "results. Files written by `vc.save` contain all settings.",
    "side.assumed.heads": "heads of width {width}",
    "side.assumed.pool": "the classification head reads the class token",
    "side.assumed.average": "the classification head reads the mean of the patches",
    "side.assumed.layers": "layer norm before attention and MLP, activation {activation}",
    "side.assumed.grid": "a square grid",
    "side.assumed.preprocess": "{fit}, colours normalised with mean {mean} and deviation {std}",
    "side.assumed.fit.center": "pictures resized to cover {resized} pixels and cropped to {size}",
    "side.assumed.fit.exact": "pictures stretched to {size} pixels",
    "side.assumed.fit.squash": "pictures stretched to {resized} pixels and cropped to {size}",
    "side.assumed.fit.border": "pictures resized to fit into {resized} pixels and cropped or padded to {size}",
    "side.assumed.fit.whole": "whole pictures, resized to about as many pixels as {size}",
    "side.assumed.labels": "ImageNet's class names, because the number of classes is ImageNet's",
    "side.assumed.problem_type": "the one logit is a classifier's, read by a sigmoid",
    "side.read": "How this model was read",
    "side.read.architecture": "Architecture: {value}",
    "side.read.weights": "Weights: {value}",
    "side.read.head": "Meaning of the head: {value}",
    "side.read.labels": "Class names: {value}",
    "side.read.preprocessing": "Preprocessing: {value}",
    "side.read.others": "Other weights in the file: {value}. Add #name to the model's name to load one.",
    "side.read.unwrapped": "Removed from tensor names: {value}",
    "side.read.ignored": "Tensors of other modules, passed over: {value}",
    "side.head": "The head's numbers: {kind}",
    "side.problem_type": "What the head's numbers mean",
    "side.problem_type.single_label": "one class (softmax)",
    "side.problem_type.multi_label": "any classes (sigmoid)",
    "side.problem_type.binary": "two classes (sigmoid)",
    "side.problem_type.regression": "numbers (regression)",
    "side.model.device": "Runs on {device} · last forward pass {time}",
    "device.cpu": "the CPU",
    "device.cuda": "the GPU (CUDA)",
    "device.mps": "the GPU (MPS)",
    "busy.again": "Try again",
    "side.model.fell": "The GPU has too little memory for this picture, so the CPU ran it.",
    "side.model.kept": "The GPU has too little memory for this model, so the CPU runs it.",
    "busy.model": "Loading {name} …",
    "busy.model.took": "Loading {name} … (it took {time} last time)",
    "busy.result": "Running the model …",
    "busy.result.took": "Running the model … (the last picture took {time})",
    "busy.result.about": "Running the model … (about {time})",
    "busy.figure": "Computing …",
    "busy.figure.took": "Computing … (it took {time} last time)",
    "time.ms": "{value}\u00a0ms",
    "time.s": "{value}\u00a0s",
    "last.picture": "Still showing {name}, the last picture that could be read.",
    "last.model": "Still showing {name}, the last model that could be loaded.",
    "none.model": "No model is loaded yet. Choose one on the left: **Another model …** takes a name or a file.",
    "none.picture": "Choose a picture on the left.",
    "title.camera": "camera picture",
    "fold": "The equation, and common misreadings",
    "token.class": "class token",
    "token.distillation": "distillation token",
    "token.register": "register {number}",
    "from.patch": "the patch in row {row}, column {col}",
    "from.token": "the {token}",
    "inside": "Figure",
    "inside.received": "Input",
    "inside.positions": "Positions",
    "inside.filters": "Filters",
    "inside.distances": "Distance",
    "inside.entropies": "Entropy",
    "inside.norms": "Norms",
    # what the model received
    "input.button": "Input {width} × {height}",
    "input.button.whole": "Input {width} × {height}, whole picture",
    "input.text": "A larger input has more patches: finer maps, and more time. The position embeddings are resized to "
    "the new grid. Far from its own size, the model may predict worse.",
    "input.sizes": "Input size",
    "input.size": "{width} × {height} pixels",
    "input.grid": "{rows} × {cols} patches",
    "input.grid.oblong": "{rows} rows × {cols} columns of patches",
    "input.time": "about {time}",
    "input.own": "the model's own size",
    "input.framing": "Framing",
    "input.framing.crop": "Model's crop",
    "input.framing.whole": "Whole picture",
    "input.framing.rotary": "This model has rotary positions, which are computed for square grids only.",
    "input.pixels": "Input size (pixels)",
    "input.pixels.own": "the model's own",
    "input.pixels.help": "The side of the model's input, a multiple of its patch size: for patches of 14 or 16, for "
    "example 448. Empty: the model's own.",
    "input.at": "input {size} × {size}",
    "input.at.whole": "whole pictures",
    "received.title": "What does the model receive?",
    "received.text": "From a picture of {width} × {height} pixels, the model gets {crop_width} × {crop_height}, "
    "resized to {input_width} × {input_height} and cut into {rows} × {cols} = {patches} patches of {patch_width} "
    "× {patch_height} pixels. With {prefix:further token|further tokens} in front, the sequence has {tokens} tokens.",
    "received.not": "Each patch becomes one vector: inside a patch, pixel positions are no longer kept apart. "
    "Pixels outside the crop have no influence. The picture shown is the input before normalisation.",
    "received.alt": "the model's input of {width} × {height} pixels, cut into patches",
    # predictions
    "predictions.title": "What does the model recognise?",
    "predictions.text": "The {count} most probable of {classes} classes. The model gives **{name}** {percent}.",
    "predictions.expected": "The picture shows: **{name}**.",
    "predictions.hover": "%{customdata}: %{text}<extra></extra>",
    "predictions.not": "The probabilities of the classes that the model knows always add up to 100 %. A picture "
    "of something else still gets an answer, often with a high probability.",
    "predictions.multi_label.text": "The {count} most probable of {classes} classes. Each class has a probability of "
    "its own, so they do not add up to 100 %. {above:class counts|classes count} as predicted, with {threshold} or "
    "more (dotted line).",
    "predictions.multi_label.not": "Each probability answers its own question: is this class in the picture or not? "
    "Several classes can be certain at once, or none. The threshold of 50 % is a convention; the best threshold can "
    "differ for each class.",
    "predictions.binary.text": "The model tells two classes apart with one logit. The logit is {logit}, and its "
    "sigmoid gives **{name}** {percent}.",
    "predictions.binary.not": "The other class has the rest of the 100 %. A picture of neither class still gets an "
    "answer, often with a high probability.",
    "predictions.regression.title": "Which number does the model give?",
    "predictions.regression.text": "The model answers with {count:number|numbers}, in the unit that it was trained on, "
    "not with classes.",
    "predictions.regression.shown": "The first {count} are shown.",
    "predictions.regression.not": "The number says nothing about how certain the model is, and the model gives one for "
    "every picture, whatever it shows. If the training data were scaled, so is the number.",
    "predictions.output": "output {number}",
    "predictions.none": "This model has no classification head: it was trained to describe pictures, not to name "
    "them. All other figures work.",
    "predictions.none.not": "The vector is no answer. Pictures with similar vectors are alike to the model, but the "
    "vector does not say in what.",
    "predictions.class": "class {number}",
    # positions
    "positions.title": "Which positions does the model treat as similar?",
    "positions.text": "The cosine similarity of the patches' position embeddings (Dosovitskiy et al. 2021, figure 7, "
    "centre). 1: same direction; 0: unrelated; negative: opposite.",
    "positions.all": "In the place of each patch: its map. Click one to enlarge it.",
    "positions.one": "How similar is every position to row {row}, column {col}?",
    "positions.hover": "row %{customdata[0]}, column %{customdata[1]}: %{z:.2f}<extra></extra>",
    "positions.pick": "row %{customdata[0]}, column %{customdata[1]}<extra></extra>",
    "positions.not": "This is a property of the model; the picture has no influence. A high value means that two "
    "position embeddings are similar; it does not say whether the layers make use of that.",
    "positions.none": "This model has no learned position embedding, so there is nothing to compare.",
    # filters
    "filters.title": "What does the patch embedding look for?",
    "filters.text": "The first {count} principal components of its {dim} filters, the strongest first. Together "
    "they explain {percent} of the filters' variance (Dosovitskiy et al. 2021, figure 7, left).",
    "filters.not": "Each component is scaled to its own range around grey, so strengths cannot be compared by "
    "eye. The model uses weighted sums of all components, not single ones.",
    "filters.alt": "{count} filters, each {width} × {height} pixels",
    # the atlas
    "atlas.answer": "The model's answer: {answer}.",
    "atlas.none": "This model has no classes; its attention is shown all the same.",
    "atlas.answer.one": "The model's answer: **{name}** with a probability of {percent}.",
    "atlas.answer.none": "No class reaches 50 %; the most probable is **{name}** ({percent}).",
    "atlas.class": "**{name}** {percent}",
    "atlas.output": "**{name}** = {value}",
    "map.shared": "Same scale",
    "map.shared.help": "On: colours can be compared between maps. Off: each map uses its own range, so that faint "
    "ones become visible.",
    "attention.not": "Where a head looks does not explain the model's decision. The weights say nothing about "
    "what is read there (the values), or about the other heads, the residual stream and the MLPs. In deep layers "
    "a token is no longer its patch, but a mixture of many.",
    "like.not": "Similar features do not mean the same object. Early layers make patches of one colour, texture or "
    "position similar, later layers those of one content. In some layers all patches are similar, because their "
    "features share one direction: read the order within a map, and do not compare numbers between layers or models. "
    "Queries, keys and values are compared over all heads at once, although each head compares its own (Amir et al. "
    "2021).",
    # rollout
    "rollout.title": "Where does this token's information come from?",
    "rollout.text": "Attention rollout (Abnar & Zuidema 2020), one map for each depth. The picture shows the chosen "
    "one.",
    "rollout.text.one": "Attention rollout (Abnar & Zuidema 2020) from {origin}, for layers {first} to {last}. "
    "With this many tokens, only the chosen depth is computed, and for a patch only once it is pinned.",
    "rollout.depth": "Depth: up to layer",
    "rollout.span": "First and last layer",
    "rollout.residual": "Residual weight",
    "rollout.residual.help": "The share of each token that passes a layer unchanged: 0.5 in the paper; 0 for "
    "attention alone.",
    "rollout.fusion": "Combine heads by",
    "rollout.fusion.mean": "mean",
    "rollout.fusion.max": "max",
    "rollout.fusion.min": "min",
    "rollout.discard": "Discard lowest",
    "rollout.discard.help": "This share of each layer's attention weights, the smallest ones, is set to zero first.",
    "rollout.label": "{layer} · {peak}",
    "rollout.not": "Rollout follows attention weights only. It treats all heads' values as equal and ignores the "
    "MLPs. It depends on the picture and the weights but not on the class, so it cannot say what speaks for “cat” "
    "rather than “dog”.",
    # heads
    "distances.title": "How far does each head look?",
    "distances.text": "Each dot is a head, the line is the mean over heads: the mean distance between a patch and "
    "what it looks at (Dosovitskiy et al. 2021, figure 7, right). Highlighted: layer {layer}, head {head}, "
    "{value} patches.",
    "distances.text.mean": "Each dot is a head, the line is the mean over heads: the mean distance between a "
    "patch and what it looks at (Dosovitskiy et al. 2021, figure 7, right).",
    "distances.x": "layer",
    "distances.y": "distance (patches)",
    "distances.hover": "layer %{customdata[0]}, head %{customdata[1]}: %{y:.2g} patches<extra></extra>",
    "distances.not": "Computed for this one picture; the paper averages over 128. A mean distance does not tell "
    "whether a head looks at a ring or everywhere.",
    "entropies.title": "How widely does each head look?",
    "entropies.text": "The mean entropy of each head's attention. 0 bits: one token only; {most} bits, the dotted "
    "line: all {tokens} tokens equally.",
    "entropies.y": "entropy (bits)",
    "entropies.hover": "layer %{customdata[0]}, head %{customdata[1]}: %{y:.2g} bits<extra></extra>",
    "entropies.not": "Low entropy means that a head looks at few tokens, not that it is important. Tokens before "
    "the patches count too.",
    "norms.title": "How long are the tokens' vectors, layer by layer?",
    "norms.text": "The L2 norm of each token when it enters the first layer (0) and when it leaves each layer.",
    "norms.median": "patch median",
    "norms.range": "patch range",
    "norms.x": "after layer",
    "norms.y": "L2 norm",
    "norms.hover": "after layer %{x}: %{y:.3r}<extra>%{fullData.name}</extra>",
    "norms.lines": "All layers (click one)",
    "norms.map": "Layer {layer}: {low}–{high}",
    "norms.patch": "row %{customdata[0]}, column %{customdata[1]}: %{z:.3r}<extra></extra>",
    "norms.alt": "The patches' norms after layer {layer}, from {low} to {high}. "
    "{count:outlier token|outlier tokens} marked.",
    "norms.not": "The model uses a few patches with very long vectors as storage (Darcet et al. 2024), which "
    "disturbs attention maps. But a norm says nothing about a token's content, and norms of different models "
    "cannot be compared. The map's colours start at the smallest norm, not at 0: dark patches have long vectors too.",
    # features
    "features.title": "Which patches are alike, layer by layer?",
    "features.text": "The first three principal components of the patches' features as red, green and blue. The "
    "picture shows the chosen layer.",
    "features.fold": "What do the colours mean? Equation and common misreadings",
    "features.not": "Patches of similar colour have similar features along the three main directions. Each layer has "
    "a basis of its own, fitted to the patches of this picture; the class token and registers do not enter. Red, "
    "green and blue are a patch's values on the first, second and third component. Each channel runs from the 2nd to "
    "the 98th percentile of its component, so that a few extreme patches do not use up the colours. Colours can "
    "therefore not be compared between pictures, layers or kinds of features, and red has no meaning of its own. The "
    "sign of a component is arbitrary: Vitrine makes its largest entry positive, but red and cyan could be "
    "exchanged. A colour is not a class. The three components hold only a part of the variance, so patches of one "
    "colour can still differ. The foreground is a rule of thumb, a first component above its mean: the object may be "
    "on the other side, or on both.",
    # lists
    "list.none": "none",
    "list.more": "{names} and {count} more",
}
