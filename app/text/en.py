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
    "error.busy": "Many pictures are waiting for the model already. Try again in a few seconds.",
    "error.serve-gone": "The server that runs the model, {url}, does not answer ({reason}). Try again, or start it.",
    "error.serve-url": "{url} is no address of a server of models. Write http://127.0.0.1:8000, with the host and port "
    "that it said.",
    "error.serve-format": "What came over the network is no picture or trace ({reason}). Use the same version of "
    "Vitrine at both ends.",
    "error.serve-missing": "Serving models needs Ray Serve, which is not installed. Run: pip install -r "
    "requirements-ray.txt.",
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
    # bad input
    "error.image-missing": "There is no picture file {name} that can be opened.",
    "error.image-empty": "The file is empty (0 bytes). Copy or download the picture again.",
    "error.image-too-heavy": "The file is larger than 20 MB. Save the picture smaller, or as JPEG.",
    "error.image-not-a-picture": "This file is not a picture, whatever its name says. Choose a JPEG, PNG, WebP, BMP "
    "or GIF file.",
    "error.image-format": "{format} pictures cannot be read. Save the picture as JPEG or PNG.",
    "error.image-truncated": "The {format} file is damaged or cut off. Copy, download or export it again.",
    "error.image-too-large": "The picture is too large: a {format} file like this one can be opened with at most "
    "{megapixels} megapixels, and fewer when memory is short. Scale it down and try again.",
    "error.image-too-thin": "The picture is {width:,} × {height:,} pixels: too thin a strip to look at. Crop it "
    "until one side is at most {max_ratio} times the other.",
    "error.image-channels": "This model wants {channels} channels; a picture has 3, or 1 when grey. Choose a model "
    "for pictures.",
    "error.model-unknown": "There is no model called {name}. A name begins with timm:, hf: or file:.",
    "error.device-unavailable": "The model cannot be moved to {device}: {reason}.",
    "error.timm-missing": "timm is not installed, so its models are not available. Run: pip install timm",
    "error.none": "none",
    "error.more": "{names} and {count} more",
    "error.timm-broken": "timm is installed but cannot be imported: {reason}. Reinstall timm together with a "
    "torchvision that fits this torch.",
    "error.hub-unreachable": "{name} has not been downloaded yet, and the Hugging Face hub cannot be reached "
    "({reason}). Without a network there are the built-in models, hf:/path/to/folder and "
    "file:/path/to/file.",
    "error.hub-not-found": "The Hugging Face hub has no public repository {repo} that holds {files}. Check how the "
    "name is spelt.",
    "error.hub-no-weights": "There are no published weights for {name}. Choose another model.",
    "error.hub-missing": "huggingface_hub is not installed, so no model can be downloaded. Run: pip install "
    "huggingface_hub",
    "error.checkpoint-not-found": "There is no file that can be read: {path}. Check its name, its folder and who may "
    "read it; a model on the Hugging Face hub is written hf:owner/name.",
    "error.checkpoint-empty": "{source} is empty (0 bytes). Copy or download it again.",
    "error.checkpoint-truncated": "{source} is cut short: only {size:,} bytes are there. Copy or download it again.",
    "error.checkpoint-format": "{source} cannot be read as a checkpoint ({reason}). Choose a .safetensors, .pth, .pt, "
    ".bin, .ckpt or .pth.tar file of named floating-point weights.",
    "error.checkpoint-header": "The header of {source} is not a safetensors file's ({reason}). Download it again, or "
    "save the weights anew.",
    "error.checkpoint-pickle": "{source} asks to run code ({what}) when it is opened. It was not run. Save the "
    "weights alone, best as .safetensors.",
    "error.checkpoint-bomb": "{source} has {size:,} bytes and would unpack to {unpacked:,}. Checkpoints are not "
    "compressed, so it was not read; save the weights anew.",
    "error.checkpoint-keys": "The tensors in {source} are not those of the architecture. Missing: {missing}. Not "
    "expected: {extra}. Wrong shape: {shapes}. Choose a file that holds one whole Vision "
    "Transformer.",
    "error.checkpoint-shapes": "Tensors in {source} have the wrong shape (in the file ≠ expected): {shapes}. Use the "
    "config.json these weights were saved with.",
    "error.checkpoint-not-finite": "{source} holds NaN or infinite weights, so nothing it computed would mean "
    "anything: {tensors}. Choose a checkpoint from before training diverged.",
    "error.checkpoint-architecture": "{source} is not a Vision Transformer that can be shown here ({reason}). ViT, "
    "DeiT, DINOv2, DINOv3, CLIP and SigLIP of timm or transformers can.",
    "error.checkpoint-config": "{source}: its configuration describes no model that can be built ({reason}). Use the "
    "config.json published with these weights.",
    "error.labels-count": "{source}: the model has {classes} classes and there are {labels} labels. Give one label "
    "for each class.",
    "error.rows-missing": "There is no result {name} that can be opened. Run the evaluation to its end.",
    "error.rows-format": "{name} is not a Parquet file that can be read. Choose the rows.parquet of a finished "
    "evaluation.",
    "error.rows-columns": "{name} is not the table of an evaluation: it lacks {columns}. Choose the rows.parquet of a "
    "finished evaluation.",
    "error.labels-format": "{source} cannot be read as labels. Write a UTF-8 text file with one name a line, or a "
    "JSON list of names.",
    "error.source-missing": "There is no folder or file {name} that can be opened. Check its name and who may read it.",
    "error.source-empty": "There are no labelled pictures in {name} ({classes:,} classes). Put the pictures (JPEG, "
    "PNG, WebP, BMP, GIF) into one folder for each class.",
    "error.source-outside": "{name} leads out of the folder that was named, so it was not opened. Copy it into the "
    "folder.",
    "error.source-format": "{name} cannot be read as a source of labelled pictures ({reason}). Choose a folder with "
    "one folder for each class, or a CSV or Parquet table of paths and labels.",
    "error.source-encoding": "{name} is not UTF-8 text. Save the table as CSV in UTF-8.",
    "error.source-column": "{name} has no column of any of these names: {wanted}. Its columns: {found}. Rename one.",
    "error.source-labels": "{name} holds ImageNet's validation pictures without their classes. Put {file} beside "
    "them, or sort them into one folder for each synset.",
    "error.source-pickle": "{name} is CIFAR's Python version, which could run code when it is opened, so it was not. "
    "Download the binary version.",
    "error.source-conflict": "The table gives {name} more than one label: {labels}. Keep one of its rows.",
    "error.evaluate-disk": "The results cannot be written to {out} ({reason}). Make room or choose another folder, and "
    "start again: what is there is kept.",
    "error.evaluate-running": "An evaluation is already running in {out}. Wait for it, or cancel it.",
    "error.evaluate-other": "{out} holds an evaluation of something else (not the same: {differs}). Choose another "
    "folder, or start anew, which throws it away.",
    "error.evaluate-option": "An evaluation cannot take {option} = {got}. Possible: {allowed}.",
    "error.evaluate-folder": "{out} holds files that no evaluation has written: {names}. Nothing there was touched. "
    "Choose another folder.",
    "error.evaluate-among": "{out} lies among the pictures of {root}, and an evaluation adds nothing to a data "
    "set. Choose a folder outside it.",
    "error.evaluate-cancelled": "The evaluation was stopped after {done:,} of {total:,} pictures. Started again, it "
    "goes on from there.",
    "error.evaluate-workers": "The processes that decode pictures end as soon as they start. Run with 0 workers.",
    "error.evaluate-ray-missing": "The engine “ray” needs Ray Data, which is not installed. Run: pip install -r "
    "requirements-ray.txt. Or use the local engine.",
    "error.evaluate-ray": "Ray could not finish the evaluation ({reason}). Started again, it goes on from what is "
    "there.",
    "error.evaluate-memory": "The device's memory is too small for {batch} pictures at once. Choose a smaller batch.",
    "error.evaluate-picture": "The picture could not be read ({reason}).",
    "error.evaluate-crash": "Reading this picture ended the process that read it, twice.",
    "error.evaluate-not-finite": "The model's numbers for this picture are not finite.",
    "error.evaluate-table": "{path} cannot be read as a table of classes ({reason}). Write a UTF-8 CSV file of two "
    "columns: a class of the source, the model's name for it.",
    "error.evaluate-table-rows": "The table of classes has rows for classes that the pictures do not have, or have "
    "several times: {names}. Correct or delete these rows.",
    "error.tensor-shape": "A preprocessed picture is a float tensor of shape (1, {channels}, height, width); this "
    "one is {dtype} {shape}.",
    "error.tensor-grid": "This model's positions are rotary: it takes {rows} by {cols} patches or as many rows as "
    "columns, and a picture of {height} by {width} pixels has neither.",
    "error.model-no-head": "This model has no classification head, so it predicts nothing. Choose one trained to "
    "classify.",
    "error.rollout-option": "Attention rollout cannot take {option} = {got}. Possible: {allowed}.",
    "error.attribution-target": "This model has no class {target}. Its classes are numbered 0 to {last}.",
    "error.intervention-option": "An intervention cannot take {option} = {got}. Possible: {allowed}.",
}
