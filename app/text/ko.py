"""한국어."""

SENTENCES = {
    # the frame
    "app.name": "Vitrine",
    "page.explore": "살펴보기",
    "page.lecture": "강의",
    "side.language": "언어",
    "side.picture": "이미지",
    "side.source.sample": "예제",
    "side.source.file": "파일",
    "side.source.camera": "카메라",
    "side.sample": "예제 이미지",
    "side.file": "이미지를 여기에 놓으세요",
    "side.file.help": "JPEG, PNG, WebP, BMP, GIF(첫 프레임)를 20 MB까지 받습니다. 이미지는 Vitrine이 실행 중인 "
    "컴퓨터 밖으로 나가지 않습니다.",
    "side.file.choose": "파일 선택",
    "side.file.limit": "파일당 20 MB까지",
    "side.file.drop": "여기에 파일을 놓으세요",
    "side.file.refused": "받지 못했습니다. 한 번에 파일 하나, 20 MB까지 받습니다. 그 문제가 아니면 다시 시도하세요.",
    "side.camera": "사진 찍기",
    "side.camera.shoot": "사진 찍기",
    "side.camera.again": "지우고 다시 찍기",
    "side.camera.allow": "브라우저에서 카메라 사용을 허용하세요.",
    "side.frames": "프레임 {count}개로 된 애니메이션입니다. 첫 프레임을 보여 줍니다.",
    "side.part": "큰 이미지라 가로세로 1/{part} 크기로 열었습니다.",
    "side.credit": "{author} · {licence}",
    "side.model": "모델",
    "model.photo": "사진",
    "model.fashion": "의류",
    "side.model.other": "다른 모델 …",
    "side.model.name": "모델 이름",
    "side.model.name.help": "`timm:vit_tiny_patch16_224`, `hf:facebook/dinov2-small`, `file:/경로/model.pth`처럼 "
    "씁니다. `timm:`과 `hf:`는 처음 한 번 네트워크가 필요합니다.",
    "side.model.facts": "레이어 {layers}개 × 헤드 {heads}개 · 폭 {dim} · 파라미터 {parameters}개",
    "side.stays": "이 탭에만 남습니다. 새로 고치거나 링크를 복사해 열면 예제가 나옵니다.",
    "side.lost": "서버가 다시 시작되었거나 이 페이지와 오래 끊겨 있어서 올린 이미지가 남아 있지 않습니다. "
    "다시 올리세요.",
    "side.assumed": "이 체크포인트에는 설정 일부가 없어 다음과 같이 가정했습니다: {settings}. "
    "가정이 틀렸다면 결과도 틀립니다. `vc.save`로 저장한 파일에는 설정이 모두 들어 있습니다.",
    "side.assumed.heads": "헤드 폭 {width}",
    "side.assumed.pool": "예측에 클래스 토큰 사용",
    "side.assumed.average": "예측에 패치의 평균 사용",
    "side.assumed.layers": "레이어는 정규화 먼저, 활성화 함수 {activation}",
    "side.assumed.grid": "정사각형 격자",
    "side.assumed.preprocess": "색의 평균과 표준편차 0.5",
    "side.model.device": "{device}에서 실행 · 마지막 순전파 {time}",
    "device.cpu": "CPU",
    "device.cuda": "GPU(CUDA)",
    "device.mps": "GPU(MPS)",
    "busy.again": "다시 시도",
    "side.model.fell": "이 이미지에는 GPU 메모리가 모자라 CPU에서 실행했습니다.",
    "side.model.kept": "이 모델에는 GPU 메모리가 모자라 CPU에서 실행합니다.",
    "error.busy": "이미 많은 이미지가 모델을 기다리고 있습니다. 몇 초 뒤에 다시 시도하세요.",
    "error.serve-gone": "모델을 실행하는 서버 {url}에서 응답이 없습니다({reason}). 다시 시도하거나 서버를 시작하세요.",
    "error.serve-url": "{url}: 모델 서버의 주소가 아닙니다. 서버가 알려 준 호스트와 포트로 "
    "http://127.0.0.1:8000 처럼 적으세요.",
    "error.serve-format": "네트워크로 받은 내용이 이미지나 기록이 아닙니다({reason}). 양쪽에서 같은 버전의 "
    "Vitrine을 사용하세요.",
    "error.serve-missing": "모델을 서비스하려면 Ray Serve가 필요하지만 설치되어 있지 않습니다. pip install -r "
    "requirements-ray.txt로 설치하세요.",
    "busy.model": "{name} 모델을 불러오는 중 …",
    "busy.result": "모델을 실행하는 중 …",
    "busy.result.took": "모델을 실행하는 중 … (지난 이미지는 {time} 걸림)",
    "busy.figure": "계산하는 중 …",
    "busy.figure.took": "계산하는 중 … (지난번에는 {time} 걸림)",
    "time.ms": "{value}\u00a0ms",
    "time.s": "{value}초",
    "last.picture": "마지막으로 읽은 이미지를 계속 보여 줍니다: {name}",
    "last.model": "마지막으로 불러온 모델을 계속 보여 줍니다: {name}",
    "none.model": "아직 모델이 없습니다. 왼쪽에서 고르세요. **다른 모델 …**에서 파일이나 이름을 지정할 수 있습니다.",
    "none.picture": "왼쪽에서 이미지를 고르세요.",
    "title.camera": "카메라 사진",
    "fold": "수식, 그리고 이 그림이 말해 주지 않는 것",
    "token.class": "클래스 토큰",
    "token.distillation": "증류 토큰",
    "token.register": "레지스터 {number}",
    "from.patch": "{row}행 {col}열 패치",
    "from.token": "{token}",
    # what the model received
    "received.title": "모델은 무엇을 입력받을까?",
    "received.text": "{width} × {height}픽셀 가운데 {crop_width} × {crop_height}만 보고, 이를 {input_width} × "
    "{input_height}로 줄이거나 늘린 다음 {patch_width} × {patch_height}픽셀 패치 {rows} × {cols} = "
    "{patches}개로 자릅니다. 앞에 붙는 토큰은 {prefix}개, 시퀀스 길이는 {tokens}입니다.",
    "received.not": "패치 하나는 벡터 하나가 되므로, 그 뒤로 모델은 패치 안의 픽셀을 따로 알지 못합니다. 잘려 나간 "
    "바깥은 결과에 아무 영향도 주지 않습니다. 여기 보이는 것은 정규화하기 전의 입력입니다.",
    "received.alt": "패치로 자른 {width} × {height}픽셀 모델 입력",
    # predictions
    "predictions.title": "이미지에서 무엇을 보았을까?",
    "predictions.text": "{classes}개 클래스 가운데 확률이 가장 높은 {count}개입니다. 모델의 답은 **{name}**, 확률은 "
    "{percent} %입니다.",
    "predictions.expected": "실제로 담긴 것: **{name}**",
    "predictions.hover": "%{customdata}: %{text}<extra></extra>",
    "predictions.not": "학습한 클래스들 사이의 확률이며 합은 언제나 100 %입니다. 학습하지 않은 것을 보여 주어도 답은 "
    "나오고, 그 답이 자신만만할 때도 많습니다.",
    "predictions.none": "이 모델에는 분류 헤드가 없습니다. 이름을 맞히는 대신 이미지를 표현하도록 학습한 모델입니다. "
    "다른 그림은 모두 볼 수 있습니다.",
    "predictions.class": "클래스 {number}",
    # positions
    "positions.title": "모델은 어떤 위치들을 비슷하게 여길까?",
    "positions.text": "패치 자리마다 작은 맵이 하나씩 있습니다. 그 패치의 위치 임베딩이 다른 모든 패치의 위치 "
    "임베딩과 얼마나 비슷한지 보여 줍니다(Dosovitskiy et al. 2021, 그림 7 가운데). 클릭하면 크게 "
    "볼 수 있습니다.",
    "positions.one": "{row}행 {col}열과 비슷한 위치는 어디일까?",
    "positions.one.text": "패치 하나의 맵을 확대했습니다. 1은 같은 방향, 0은 무관, 음수는 반대 방향입니다.",
    "positions.hover": "%{customdata[0]}행 %{customdata[1]}열: %{z:.2f}<extra></extra>",
    "positions.pick": "%{customdata[0]}행 %{customdata[1]}열에서 본 맵<extra></extra>",
    "positions.scale": "코사인 유사도",
    "positions.not": "이미지가 아니라 모델의 성질입니다. 픽셀은 하나도 들어가지 않습니다. 값이 크면 두 위치에 비슷한 "
    "표시가 붙었다는 뜻일 뿐, 레이어들이 그것을 실제로 쓰는지는 다른 문제입니다.",
    "positions.none": "이 모델은 학습된 위치 임베딩을 더하지 않으므로 비교할 것이 없습니다.",
    # filters
    "filters.title": "패치 임베딩은 무엇을 찾을까?",
    "filters.text": "필터 {dim}개의 주성분 {count}개를 강한 것부터 늘어놓았습니다. 모두 합해 분산의 {percent} %를 "
    "설명합니다(그림 7 왼쪽).",
    "filters.not": "성분마다 회색을 중심으로 따로 늘려 그렸으므로 세기를 눈으로 비교할 수 없습니다. 모델은 이 성분을 "
    "하나씩이 아니라 모두 섞어서 씁니다.",
    "filters.alt": "{width} × {height}픽셀 필터 {count}개",
    # the atlas
    "atlas.answer": "모델의 답: {answer}.",
    "atlas.none": "클래스를 예측하지 않는 모델입니다. 그래도 어디를 보는지는 볼 수 있습니다.",
    "atlas.class": "**{name}** {percent} %",
    "map.shared": "같은 색 범위",
    "map.shared.help": "켜면 맵끼리 색을 비교할 수 있습니다. 끄면 맵마다 자기 범위를 써서 약한 맵도 읽을 수 있습니다.",
    "map.opacity": "맵의 불투명도",
    "map.place": "{row}행 {col}열: {percent}",
    "attention.not": "헤드가 보는 곳이 곧 판단의 이유는 아닙니다. 가중치는 거기서 무엇을 읽는지(밸류)도, 다른 "
    "헤드와 잔차 연결과 MLP가 하는 일도 말해 주지 않습니다. 깊은 레이어의 토큰은 이미 자기 패치가 "
    "아니라 여러 패치가 섞인 것입니다.",
    # rollout
    "rollout.title": "모든 레이어를 거쳐 여기로 무엇이 흘러왔을까?",
    "rollout.text": "{origin}의 어텐션 롤아웃입니다(Abnar & Zuidema 2020). {first}번부터 {last}번 레이어까지, "
    "레이어마다 그때까지의 맵입니다. 클릭하면 크게 보입니다.",
    "rollout.text.one": "{origin}의 어텐션 롤아웃입니다(Abnar & Zuidema 2020). {first}번부터 {last}번 "
    "레이어까지입니다. 토큰이 많아 고른 깊이 하나만, 패치는 고정했을 때만 계산합니다.",
    "rollout.depth": "깊이: 몇 번 레이어까지",
    "rollout.span": "첫 레이어와 끝 레이어",
    "rollout.residual": "잔차 가중치",
    "rollout.residual.help": "토큰이 레이어를 그대로 지나가는 비율입니다. 논문은 0.5, 어텐션만 보려면 0입니다.",
    "rollout.fusion": "헤드 합치기",
    "rollout.fusion.mean": "평균",
    "rollout.fusion.max": "최대",
    "rollout.fusion.min": "최소",
    "rollout.discard": "하위 버림 비율",
    "rollout.discard.help": "레이어마다 가장 작은 가중치를 이 비율만큼 먼저 0으로 만듭니다.",
    "rollout.label": "{layer} · {peak} %",
    "rollout.stage": "확대한 맵. 화살표 키로 패치마다 읽습니다",
    "rollout.one": "{layer}번 레이어까지 이 토큰에 무엇이 모였을까?",
    "rollout.one.text": "가장 많이 온 곳은 {row}행 {col}열({peak} %)입니다. {share} %가 패치에서, 나머지가 "
    "{others}에서 왔습니다.",
    "rollout.one.all": "가장 많이 온 곳은 {row}행 {col}열({peak} %)입니다. 모두 패치에서 왔습니다.",
    "rollout.not": "어텐션 가중치만 따라가며, 모든 헤드의 밸류가 같고 MLP는 아무 일도 하지 않는다고 가정합니다. "
    "이미지와 가중치에는 따라 달라지지만 클래스와는 무관하므로, 왜 ‘개’가 아니라 ‘고양이’인지는 말해 "
    "주지 못합니다.",
    # heads
    "distances.title": "헤드마다 얼마나 멀리 볼까?",
    "distances.text": "점 하나가 헤드 하나, 선은 헤드들의 평균입니다. 패치와 그 패치가 보는 곳 사이의 평균 "
    "거리입니다(그림 7 오른쪽). 강조한 점: {layer}번 레이어의 {head}번 헤드, 패치 {value}개 거리.",
    "distances.text.mean": "점 하나가 헤드 하나, 선은 헤드들의 평균입니다. 패치와 그 패치가 보는 곳 사이의 평균 "
    "거리입니다(그림 7 오른쪽).",
    "distances.x": "레이어",
    "distances.y": "거리(패치)",
    "distances.hover": "%{customdata[0]}번 레이어 %{customdata[1]}번 헤드: 패치 %{y:.2g}개<extra></extra>",
    "distances.not": "이 이미지 한 장에 대한 값입니다. 논문은 128장을 평균했습니다. 평균 거리만으로는 고리 모양으로 "
    "보는지 고르게 보는지 알 수 없습니다.",
    "entropies.title": "헤드마다 얼마나 넓게 볼까?",
    "entropies.text": "헤드별 어텐션의 평균 엔트로피입니다. 0비트는 토큰 하나만 본다는 뜻이고, 점선인 {most}비트는 "
    "토큰 {tokens}개를 모두 고르게 본다는 뜻입니다.",
    "entropies.y": "엔트로피(비트)",
    "entropies.hover": "%{customdata[0]}번 레이어 %{customdata[1]}번 헤드: %{y:.2g}비트<extra></extra>",
    "entropies.not": "엔트로피가 낮으면 좁게 본다는 뜻이지 중요하다는 뜻은 아닙니다. 패치 앞의 토큰도 함께 셉니다.",
    "norms.title": "레이어마다 토큰 벡터의 길이는 어떻게 변할까?",
    "norms.text": "토큰의 L2 노름입니다. 0은 첫 레이어에 들어가기 전이고, 그다음은 각 레이어를 나온 뒤입니다.",
    "norms.median": "패치 중앙값",
    "norms.range": "패치 범위",
    "norms.x": "레이어 이후",
    "norms.y": "L2 노름",
    "norms.hover": "레이어 %{x} 이후: %{y:.2g}<extra>%{fullData.name}</extra>",
    "norms.not": "벡터가 유난히 긴 몇몇 패치(Darcet et al. 2024)는 모델이 저장 공간으로 쓰며 어텐션 맵을 흐립니다. "
    "하지만 노름은 토큰에 담긴 내용을 말해 주지 않고, 서로 다른 모델의 노름은 비교할 수 없습니다.",
    # bad input
    "error.image-missing": "열 수 있는 이미지 파일이 없습니다: {name}",
    "error.image-empty": "파일이 비어 있습니다(0바이트). 이미지를 다시 복사하거나 내려받으세요.",
    "error.image-too-heavy": "파일이 20 MB보다 큽니다. 크기를 줄이거나 JPEG로 저장하세요.",
    "error.image-not-a-picture": "이름과 달리 이미지 파일이 아닙니다. JPEG, PNG, WebP, BMP, GIF 파일을 고르세요.",
    "error.image-format": "{format} 이미지는 읽을 수 없습니다. JPEG나 PNG로 저장하세요.",
    "error.image-truncated": "{format} 파일이 손상되었거나 중간에 잘렸습니다. 다시 복사하거나 내려받거나 내보내세요.",
    "error.image-too-large": "이미지가 너무 큽니다. 이런 {format} 파일은 최대 {megapixels}메가픽셀까지 열 수 있고, "
    "메모리가 부족하면 그보다 작아야 합니다. 크기를 줄여서 다시 시도하세요.",
    "error.image-too-thin": "이미지가 {width:,} × {height:,}픽셀로 너무 가늘어서 볼 것이 없습니다. 긴 변이 짧은 변의 "
    "{max_ratio}배를 넘지 않게 자르세요.",
    "error.image-channels": "이 모델의 입력은 채널이 {channels}개인데 이미지의 채널은 3개(흑백이면 1개)입니다. "
    "이미지용 모델을 고르세요.",
    "error.model-unknown": "그런 모델이 없습니다: {name}. 이름은 timm:, hf:, file: 가운데 하나로 시작합니다.",
    "error.device-unavailable": "모델을 옮길 수 없습니다({device}): {reason}.",
    "error.timm-missing": "timm이 설치되어 있지 않아 timm 모델을 쓸 수 없습니다. pip install timm으로 설치하세요.",
    "error.none": "없음",
    "error.more": "{names} 외 {count}개",
    "error.timm-broken": "timm이 설치되어 있지만 불러올 수 없습니다({reason}). 지금 쓰는 torch에 맞는 torchvision과 "
    "함께 timm을 다시 설치하세요.",
    "error.hub-unreachable": "아직 내려받지 않은 모델인데 Hugging Face 허브에 연결할 수 없습니다: {name}({reason}). "
    "네트워크가 없어도 내장 모델, hf:/폴더/경로, file:/파일/경로는 쓸 수 있습니다.",
    "error.hub-not-found": "Hugging Face 허브에 그런 공개 저장소나 파일이 없습니다: {repo}({files}). 이름의 철자를 "
    "확인하세요.",
    "error.hub-no-weights": "공개된 가중치가 없는 모델입니다: {name}. 다른 모델을 고르세요.",
    "error.hub-missing": "huggingface_hub가 설치되어 있지 않아 모델을 내려받을 수 없습니다. pip install "
    "huggingface_hub로 설치하세요.",
    "error.checkpoint-not-found": "읽을 수 있는 파일이 없습니다: {path}. 파일 이름과 폴더, 읽기 권한을 확인하세요. "
    "Hugging Face 허브의 모델은 hf:소유자/이름으로 씁니다.",
    "error.checkpoint-empty": "파일이 비어 있습니다(0바이트): {source}. 다시 복사하거나 내려받으세요.",
    "error.checkpoint-truncated": "파일이 {size:,}바이트에서 잘렸습니다: {source}. 다시 복사하거나 내려받으세요.",
    "error.checkpoint-format": "체크포인트로 읽을 수 없는 파일입니다: {source}({reason}). 이름 붙은 부동소수점 "
    "가중치가 담긴 .safetensors, .pth, .pt, .bin, .ckpt, .pth.tar 파일을 고르세요.",
    "error.checkpoint-header": "safetensors 파일의 헤더가 아닙니다: {source}({reason}). 다시 내려받거나 가중치를 "
    "새로 저장하세요.",
    "error.checkpoint-pickle": "열 때 코드({what})를 실행하려는 파일이라 실행하지 않고 거부했습니다: {source}. "
    "가중치만, 되도록 .safetensors로 저장하세요.",
    "error.checkpoint-bomb": "{size:,}바이트 파일이 풀면 {unpacked:,}바이트가 됩니다: {source}. 체크포인트는 "
    "압축하지 않으므로 읽지 않았습니다. 가중치를 새로 저장하세요.",
    "error.checkpoint-keys": "파일의 텐서가 모델 구조와 맞지 않습니다: {source}. 빠진 텐서: {missing}. 구조에 없는 "
    "텐서: {extra}. 모양이 다른 텐서: {shapes}. Vision Transformer 하나가 온전히 담긴 "
    "파일을 고르세요.",
    "error.checkpoint-shapes": "텐서의 모양이 모델 구조와 다릅니다: {source}. 파일의 모양 ≠ 필요한 모양: {shapes}. "
    "이 가중치와 함께 저장된 config.json을 쓰세요.",
    "error.checkpoint-not-finite": "가중치에 NaN이나 무한대가 있어 계산 결과에 아무 의미가 없습니다: "
    "{source}({tensors}). 학습이 발산하기 전의 체크포인트를 고르세요.",
    "error.checkpoint-architecture": "여기에서 보여 줄 수 있는 Vision Transformer가 아닙니다: {source}({reason}). "
    "timm이나 transformers의 ViT, DeiT, DINOv2, DINOv3, CLIP, SigLIP을 고르세요.",
    "error.checkpoint-config": "설정대로는 모델을 만들 수 없습니다: {source}({reason}). 이 가중치와 함께 공개된 "
    "config.json을 쓰세요.",
    "error.labels-count": "모델의 클래스는 {classes}개인데 레이블은 {labels}개입니다: {source}. 클래스마다 레이블을 "
    "하나씩 적으세요.",
    "error.rows-missing": "열 수 있는 평가 결과가 없습니다: {name}. 평가를 끝까지 실행하세요.",
    "error.rows-format": "읽을 수 있는 Parquet 파일이 아닙니다: {name}. 끝난 평가의 rows.parquet을 고르세요.",
    "error.rows-columns": "평가 결과 표가 아닙니다: {name}에 없는 열이 있습니다({columns}). 끝난 평가의 rows.parquet을 "
    "고르세요.",
    "error.labels-format": "레이블로 읽을 수 없는 파일입니다: {source}. 한 줄에 이름 하나씩 적은 UTF-8 텍스트 "
    "파일이나 이름의 JSON 목록으로 저장하세요.",
    "error.source-missing": "열 수 있는 폴더나 파일이 없습니다: {name}. 이름과 읽기 권한을 확인하세요.",
    "error.source-empty": "레이블이 있는 이미지가 없습니다: {name}(클래스 {classes:,}개). 클래스마다 폴더를 하나씩 "
    "두고 그 안에 이미지(JPEG, PNG, WebP, BMP, GIF)를 넣으세요.",
    "error.source-outside": "지정한 폴더 밖으로 이어지는 경로라서 열지 않았습니다: {name}. 폴더 안으로 복사하세요.",
    "error.source-format": "레이블이 있는 이미지 모음으로 읽을 수 없습니다: {name}({reason}). 클래스마다 폴더가 "
    "하나씩 있는 폴더나, 경로와 레이블을 적은 CSV 또는 Parquet 표를 고르세요.",
    "error.source-encoding": "UTF-8 텍스트가 아닙니다: {name}. 표를 UTF-8 CSV로 저장하세요.",
    "error.source-column": "표에 필요한 열이 없습니다: {name}. 가능한 열 이름: {wanted}. 표에 있는 열: {found}. 열 "
    "하나의 이름을 바꾸세요.",
    "error.source-labels": "ImageNet 검증 이미지의 정답이 없습니다: {name}. {file} 파일을 함께 두거나, 이미지를 "
    "synset마다 폴더 하나씩으로 나누세요.",
    "error.source-pickle": "CIFAR의 Python 버전은 열 때 코드를 실행할 수 있어서 열지 않았습니다: {name}. 바이너리 "
    "버전을 내려받으세요.",
    "error.source-conflict": "표에 레이블이 둘 이상인 이미지입니다: {name}({labels}). 한 행만 남기세요.",
    "error.evaluate-disk": "결과를 쓸 수 없습니다: {out}({reason}). 공간을 비우거나 다른 폴더를 고른 뒤 다시 "
    "시작하세요. 지금까지의 결과는 그대로 있습니다.",
    "error.evaluate-running": "이 폴더에서 이미 평가가 진행 중입니다: {out}. 끝나기를 기다리거나 취소하세요.",
    "error.evaluate-other": "다른 평가의 결과가 있는 폴더입니다: {out}(다른 점: {differs}). 다른 폴더를 고르거나, "
    "결과를 버리고 처음부터 시작하세요.",
    "error.evaluate-option": "평가에 쓸 수 없는 값입니다: {option} = {got}. 가능한 값: {allowed}.",
    "error.evaluate-folder": "평가가 만들지 않은 파일이 있는 폴더입니다: {out}({names}). 아무것도 바꾸지 않았습니다. "
    "다른 폴더를 고르세요.",
    "error.evaluate-among": "이미지 폴더 안에는 결과를 쓰지 않습니다: {out}. {root} 밖에 있는 폴더를 고르세요.",
    "error.evaluate-cancelled": "이미지 {total:,}장 가운데 {done:,}장에서 평가를 멈췄습니다. 다시 시작하면 그다음부터 "
    "이어집니다.",
    "error.evaluate-workers": "이미지를 디코딩하는 프로세스가 시작하자마자 끝납니다. 워커를 0개로 실행하세요.",
    "error.evaluate-ray-missing": "ray 엔진에 필요한 Ray Data가 설치되어 있지 않습니다. pip install -r "
    "requirements-ray.txt로 설치하거나 local 엔진을 사용하세요.",
    "error.evaluate-ray": "Ray가 평가를 마치지 못했습니다({reason}). 다시 시작하면 지금까지의 결과에서 이어집니다.",
    "error.evaluate-memory": "이미지 {batch}장을 한 번에 처리하기에는 장치의 메모리가 부족합니다. 배치를 줄이세요.",
    "error.evaluate-picture": "이미지를 읽을 수 없습니다({reason}).",
    "error.evaluate-crash": "이 이미지를 읽던 프로세스가 두 번 모두 비정상 종료되었습니다.",
    "error.evaluate-not-finite": "이 이미지에 대한 모델의 출력에 유한하지 않은 값이 있습니다.",
    "error.evaluate-table": "클래스 대응표로 읽을 수 없는 파일입니다: {path}({reason}). 소스의 클래스와 모델의 클래스 "
    "이름을 두 열에 적은 UTF-8 CSV 파일로 저장하세요.",
    "error.evaluate-table-rows": "클래스 대응표에 이미지의 클래스가 아니거나 여러 클래스에 해당하는 이름이 있습니다: "
    "{names}. 해당하는 행을 고치거나 지우세요.",
    "error.tensor-shape": "전처리된 이미지는 모양이 (1, {channels}, 높이, 폭)인 부동소수점 텐서여야 하는데, 주어진 "
    "텐서는 {dtype} {shape}입니다.",
    "error.tensor-grid": "회전 위치 임베딩을 쓰는 모델이라 패치가 {rows}행 {cols}열이거나 행과 열의 수가 같은 이미지만 "
    "받습니다. 주어진 이미지는 {height}×{width} 픽셀입니다.",
    "error.model-no-head": "분류 헤드가 없어 예측하지 못하는 모델입니다. 분류를 학습한 모델을 고르세요.",
    "error.rollout-option": "어텐션 롤아웃에 쓸 수 없는 값입니다: {option} = {got}. 가능한 값: {allowed}.",
    "error.attribution-target": "모델에 없는 클래스입니다: {target}. 클래스 번호는 0부터 {last}까지입니다.",
    "error.intervention-option": "개입에 쓸 수 없는 값입니다: {option} = {got}. 가능한 값: {allowed}.",
}
