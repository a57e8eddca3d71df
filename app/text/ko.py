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
    "side.file.help": "JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF를 20 MB까지 받습니다(첫 프레임이나 첫 페이지). "
    "이미지는 Vitrine이 실행 중인 컴퓨터 밖으로 나가지 않습니다.",
    "side.file.choose": "파일 선택",
    "side.file.limit": "파일당 20 MB까지",
    "side.file.drop": "여기에 파일을 놓으세요",
    "side.file.refused": "업로드가 거부되었습니다. 20 MB 이하의 파일 하나를 고르거나 다시 시도하세요.",
    "side.camera": "사진 찍기",
    "side.camera.shoot": "사진 찍기",
    "side.camera.again": "지우고 다시 찍기",
    "side.camera.allow": "브라우저에서 카메라 사용을 허용하세요.",
    "side.frames": "프레임 {count}개로 된 애니메이션입니다. 첫 프레임을 보여 줍니다.",
    "side.pages": "{count}페이지짜리 파일입니다. 첫 페이지를 보여 줍니다.",
    "side.part": "큰 이미지라 가로세로 1/{part} 크기로 열었습니다.",
    "side.credit": "{author} · {licence}",
    "side.model": "모델",
    "side.model.next": "다음 평가에 쓸 모델",
    "model.photo": "ViT-S/14",
    "model.fashion": "의류",
    "model.tiny": "클래스 10개, 패치 8 × 8",
    "side.model.other": "다른 모델 …",
    "side.model.name": "모델 이름",
    "side.model.name.help": "`timm:vit_tiny_patch16_224`, `hf:facebook/dinov2-small`, `file:/경로/model.pth`처럼 "
    "씁니다. `timm:`과 `hf:`는 처음 한 번 네트워크가 필요합니다.",
    "side.model.facts": "레이어 {layers}개 × 헤드 {heads}개 · 폭 {dim} · 파라미터 {parameters}개",
    "side.stays": "이미지는 이 탭에만 남습니다. 새로 고치거나 복사한 링크로 열면 예제가 나옵니다.",
    "side.lost": "서버가 다시 시작되었거나 이 페이지와 오래 끊겨 있어서 올린 이미지가 남아 있지 않습니다. "
    "다시 올리세요.",
    "side.assumed": "이 체크포인트에는 설정 일부가 없어 다음과 같이 가정했습니다: {settings}. "
    "가정이 틀렸다면 결과도 틀립니다. `vc.save`로 저장한 파일에는 설정이 모두 들어 있습니다.",
    "side.assumed.heads": "헤드 폭 {width}",
    "side.assumed.pool": "예측에 클래스 토큰 사용",
    "side.assumed.average": "예측에 패치의 평균 사용",
    "side.assumed.layers": "레이어 안에서 어텐션과 MLP 앞에 정규화, 활성화 함수 {activation}",
    "side.assumed.grid": "정사각형 격자",
    "side.assumed.preprocess": "{fit}, 색의 평균 {mean}, 표준편차 {std}",
    "side.assumed.fit.center": "이미지를 {resized} 픽셀을 채우는 크기로 바꾸고 가운데 {size}만 사용",
    "side.assumed.fit.exact": "이미지를 가로세로 비율과 관계없이 {size} 픽셀로 바꿈",
    "side.assumed.fit.squash": "이미지를 가로세로 비율과 관계없이 {resized} 픽셀로 바꾸고 가운데 {size}만 사용",
    "side.assumed.fit.border": "이미지를 {resized} 픽셀 안에 들어가는 크기로 바꾸고 {size}에 맞게 자르거나 여백을 추가",
    "side.assumed.fit.whole": "이미지 전체를 넓이가 {size} 픽셀 정도인 크기로 바꿈",
    "side.assumed.labels": "클래스 수가 ImageNet과 같으므로 ImageNet의 클래스 이름 사용",
    "side.assumed.problem_type": "하나뿐인 로짓은 분류기의 출력이며 시그모이드로 읽음",
    "side.read": "이 모델을 읽은 방법",
    "side.read.architecture": "구조: {value}",
    "side.read.weights": "가중치: {value}",
    "side.read.head": "헤드의 의미: {value}",
    "side.read.labels": "클래스 이름: {value}",
    "side.read.preprocessing": "전처리: {value}",
    "side.read.others": "파일에 함께 든 가중치: {value}. 모델 이름 뒤에 #이름을 붙이면 읽습니다.",
    "side.read.unwrapped": "텐서 이름에서 뗀 부분: {value}",
    "side.read.ignored": "읽지 않은 다른 모듈의 텐서: {value}",
    "side.head": "헤드 출력의 의미: {kind}",
    "side.problem_type": "헤드 출력의 의미",
    "side.problem_type.single_label": "클래스 하나(소프트맥스)",
    "side.problem_type.multi_label": "여러 클래스(시그모이드)",
    "side.problem_type.binary": "두 클래스(시그모이드)",
    "side.problem_type.regression": "수(회귀)",
    "side.model.device": "{device}에서 실행 · 마지막 순전파 {time}",
    "device.cpu": "CPU",
    "device.cuda": "GPU(CUDA)",
    "device.mps": "GPU(MPS)",
    "busy.again": "다시 시도",
    "side.model.fell": "이 이미지에는 GPU 메모리가 모자라 CPU에서 실행했습니다.",
    "side.model.kept": "이 모델에는 GPU 메모리가 모자라 CPU에서 실행합니다.",
    "busy.model": "{name} 모델을 불러오는 중 …",
    "busy.model.took": "{name} 모델을 불러오는 중 … (지난번에는 {time} 걸림)",
    "busy.result": "모델을 실행하는 중 …",
    "busy.result.took": "모델을 실행하는 중 … (지난 이미지는 {time} 걸림)",
    "busy.result.about": "모델을 실행하는 중 … (약 {time})",
    "busy.figure": "계산하는 중 …",
    "busy.figure.took": "계산하는 중 … (지난번에는 {time} 걸림)",
    "time.ms": "{value}\u00a0ms",
    "time.s": "{value}초",
    "last.picture": "마지막으로 읽은 이미지를 계속 보여 줍니다: {name}",
    "last.model": "마지막으로 불러온 모델을 계속 보여 줍니다: {name}",
    "none.model": "아직 모델이 없습니다. 왼쪽에서 고르세요. **다른 모델 …**에서 파일이나 이름을 지정할 수 있습니다.",
    "none.picture": "왼쪽에서 이미지를 고르세요.",
    "title.camera": "카메라 사진",
    "fold": "수식과 흔한 오해",
    "token.class": "클래스 토큰",
    "token.distillation": "증류 토큰",
    "token.register": "레지스터 {number}",
    "from.patch": "{row}행 {col}열 패치",
    "from.token": "{token}",
    "inside": "그림",
    "inside.received": "입력",
    "inside.positions": "위치",
    "inside.filters": "필터",
    "inside.distances": "거리",
    "inside.entropies": "엔트로피",
    "inside.norms": "노름",
    # what the model received
    "input.button": "입력 {width} × {height}",
    "input.button.whole": "입력 {width} × {height}, 이미지 전체",
    "input.text": "입력이 클수록 패치가 많아져 맵이 세밀해지고 시간이 더 걸립니다. 위치 임베딩은 새 격자에 맞게 "
    "보간합니다. 모델 본래의 크기에서 멀어지면 예측이 나빠질 수 있습니다.",
    "input.sizes": "입력 크기",
    "input.size": "{width} × {height}픽셀",
    "input.grid": "패치 {rows} × {cols}개",
    "input.grid.oblong": "패치 {rows}행 × {cols}열",
    "input.time": "약 {time}",
    "input.own": "모델 본래 크기",
    "input.framing": "이미지 범위",
    "input.framing.crop": "모델의 크롭",
    "input.framing.whole": "이미지 전체",
    "input.framing.rotary": "회전 위치 임베딩을 쓰는 모델이라 행과 열의 수가 같은 격자만 계산할 수 있습니다.",
    "input.pixels": "입력 크기(픽셀)",
    "input.pixels.own": "모델 본래 크기",
    "input.pixels.help": "모델 입력의 한 변이며 패치 크기의 배수여야 합니다. 패치가 14나 16이면 예를 들어 448입니다. "
    "비워 두면 모델 본래의 크기입니다.",
    "input.at": "입력 {size} × {size}",
    "input.at.whole": "이미지 전체",
    "received.title": "모델은 무엇을 입력받을까?",
    "received.text": "{width} × {height}픽셀 가운데 {crop_width} × {crop_height}만 보고, 이를 {input_width} × "
    "{input_height}로 줄이거나 늘린 다음 {patch_width} × {patch_height}픽셀 패치 {rows} × {cols} = "
    "{patches}개로 자릅니다. 앞에 붙는 토큰은 {prefix}개, 시퀀스 길이는 {tokens}입니다.",
    "received.not": "패치 하나는 벡터 하나가 되므로, 패치 안에서는 픽셀의 위치가 더 이상 구별되지 않습니다. "
    "잘려 나간 바깥은 결과에 아무 영향도 주지 않습니다. 여기 보이는 것은 정규화하기 전의 입력입니다.",
    "received.alt": "패치로 자른 {width} × {height}픽셀 모델 입력",
    # predictions
    "predictions.title": "이미지에서 무엇을 보았을까?",
    "predictions.text": "{classes}개 클래스 가운데 확률이 가장 높은 {count}개입니다. 모델의 답은 **{name}**, 확률은 "
    "{percent}입니다.",
    "predictions.expected": "실제로 담긴 것: **{name}**",
    "predictions.hover": "%{customdata}: %{text}<extra></extra>",
    "predictions.not": "학습한 클래스들 사이의 확률이며 합은 언제나 100 %입니다. 학습하지 않은 것을 보여 주어도 답은 "
    "나오고, 그 답이 자신만만할 때도 많습니다.",
    "predictions.multi_label.text": "{classes}개 클래스 가운데 확률이 가장 높은 {count}개입니다. 클래스마다 확률을 "
    "따로 매기므로 합이 100 %가 되지 않습니다. 점선인 {threshold} 이상이면 예측한 것으로 보며, 그런 클래스는 "
    "{above}개입니다.",
    "predictions.multi_label.not": "확률마다 ‘이 클래스가 이미지에 있는가’라는 별개의 질문에 답합니다. 여러 클래스가 "
    "동시에 확실할 수도 있고 하나도 없을 수도 있습니다. 임계값 50 %는 관례일 뿐이며, 가장 좋은 임계값은 클래스마다 "
    "다를 수 있습니다.",
    "predictions.binary.text": "로짓 하나로 두 클래스를 구분하는 모델입니다. 로짓은 {logit}, 여기에 시그모이드를 "
    "취하면 **{name}**의 확률은 {percent}입니다.",
    "predictions.binary.not": "100 %에서 남은 몫이 다른 클래스의 확률입니다. 두 클래스 어느 쪽도 아닌 이미지를 보여 "
    "주어도 답은 나오고, 그 확률이 높을 때도 많습니다.",
    "predictions.regression.title": "모델이 내놓은 수는 얼마일까?",
    "predictions.regression.text": "클래스가 아니라 수 {count}개로 답하는 모델입니다. 단위는 학습 데이터의 단위를 "
    "따릅니다.",
    "predictions.regression.shown": "처음 {count}개만 보여 줍니다.",
    "predictions.regression.not": "이 수는 모델이 얼마나 확신하는지 말해 주지 않으며, 무엇을 보여 주어도 나옵니다. "
    "학습 데이터의 값을 정규화했다면 이 수도 정규화된 값입니다.",
    "predictions.output": "출력 {number}",
    "predictions.none": "이 모델에는 분류 헤드가 없습니다. 이름을 맞히는 대신 이미지를 표현하도록 학습한 모델입니다. "
    "다른 그림은 모두 볼 수 있습니다.",
    "predictions.none.not": "벡터 자체는 답이 아닙니다. 벡터가 비슷한 이미지는 모델에게 닮은 이미지이지만, 무엇이 "
    "닮았는지는 벡터만으로 알 수 없습니다.",
    "predictions.class": "클래스 {number}",
    # positions
    "positions.title": "모델은 어떤 위치들을 비슷하게 여길까?",
    "positions.text": "패치들의 위치 임베딩이 서로 얼마나 비슷한지 코사인 유사도로 보여 줍니다(Dosovitskiy et al. "
    "2021, 그림 7 가운데). 1은 같은 방향, 0은 무관, 음수는 반대 방향입니다.",
    "positions.all": "패치 자리마다 그 패치의 맵이 있습니다. 클릭하면 크게 보입니다.",
    "positions.one": "{row}행 {col}열과 비슷한 위치는 어디일까?",
    "positions.hover": "%{customdata[0]}행 %{customdata[1]}열: %{z:.2f}<extra></extra>",
    "positions.pick": "%{customdata[0]}행 %{customdata[1]}열에서 본 맵<extra></extra>",
    "positions.not": "이미지가 아니라 모델의 성질입니다. 값이 크면 두 위치 임베딩이 비슷하다는 뜻일 뿐, "
    "레이어들이 그것을 실제로 쓰는지는 다른 문제입니다.",
    "positions.none": "이 모델은 학습된 위치 임베딩을 더하지 않으므로 비교할 것이 없습니다.",
    # filters
    "filters.title": "패치 임베딩은 무엇을 찾을까?",
    "filters.text": "필터 {dim}개의 주성분 {count}개를 강한 것부터 늘어놓았습니다. 모두 합해 분산의 {percent}"
    "를 설명합니다(Dosovitskiy et al. 2021, 그림 7 왼쪽).",
    "filters.not": "성분마다 회색을 중심으로 따로 늘려 그렸으므로 세기를 눈으로 비교할 수 없습니다. 모델은 이 성분을 "
    "하나씩이 아니라 모두 섞어서 씁니다.",
    "filters.alt": "{width} × {height}픽셀 필터 {count}개",
    # the atlas
    "atlas.answer": "모델의 답: {answer}.",
    "atlas.none": "클래스가 없는 모델입니다. 어텐션은 그대로 볼 수 있습니다.",
    "atlas.answer.one": "모델의 답: **{name}**일 확률 {percent}",
    "atlas.answer.none": "확률이 50 % 이상인 클래스가 없습니다. 가장 높은 것은 **{name}**({percent})입니다.",
    "atlas.class": "**{name}** {percent}",
    "atlas.output": "**{name}** = {value}",
    "map.shared": "같은 색 범위",
    "map.shared.help": "켜면 맵끼리 색을 비교할 수 있습니다. 끄면 맵마다 자기 범위를 써서 약한 맵도 읽을 수 있습니다.",
    "attention.not": "헤드가 보는 곳이 곧 판단의 이유는 아닙니다. 가중치는 거기서 무엇을 읽는지(밸류)도, 다른 "
    "헤드와 잔차 연결과 MLP가 하는 일도 말해 주지 않습니다. 깊은 레이어의 토큰은 이미 자기 패치가 "
    "아니라 여러 패치가 섞인 것입니다.",
    "like.not": "특징이 비슷하다고 같은 물체인 것은 아닙니다. 앞쪽 레이어는 색이나 질감, 위치가 같은 패치를, "
    "뒤쪽 레이어는 내용이 같은 패치를 비슷하게 만듭니다. 어떤 레이어에서는 모든 특징이 한 방향을 함께 가져서 모든 "
    "패치가 비슷합니다. 한 맵 안의 순서를 읽고, 레이어나 모델끼리 값을 비교하지는 마세요. 쿼리, 키, 밸류는 헤드마다 "
    "따로 쓰이지만 여기서는 모든 헤드를 한꺼번에 비교합니다(Amir et al. 2021).",
    # rollout
    "rollout.title": "이 토큰의 정보는 어디에서 왔을까?",
    "rollout.text": "깊이마다 어텐션 롤아웃을 보여 줍니다(Abnar & Zuidema 2020). 고른 깊이의 맵은 이미지에 겹쳐 "
    "보입니다.",
    "rollout.text.one": "{origin}의 어텐션 롤아웃입니다(Abnar & Zuidema 2020). {first}번부터 {last}번 "
    "레이어까지입니다. 토큰이 많아서 고른 깊이 하나만 계산하고, 패치는 고정했을 때만 계산합니다.",
    "rollout.depth": "깊이: 몇 번 레이어까지",
    "rollout.span": "첫 레이어와 끝 레이어",
    "rollout.residual": "잔차 가중치",
    "rollout.residual.help": "토큰이 레이어를 그대로 지나가는 비율입니다. 논문은 0.5, 어텐션만 보려면 0입니다.",
    "rollout.fusion": "헤드 합치기",
    "rollout.fusion.mean": "평균",
    "rollout.fusion.max": "최대",
    "rollout.fusion.min": "최소",
    "rollout.discard": "하위 버림 비율",
    "rollout.discard.help": "레이어마다 가장 작은 어텐션 가중치를 이 비율만큼 먼저 0으로 만듭니다.",
    "rollout.label": "{layer} · {peak}",
    "rollout.not": "롤아웃은 어텐션 가중치만 따라갑니다. 모든 헤드의 밸류가 같고 MLP는 아무 일도 하지 않는다고 "
    "가정합니다. 이미지와 가중치에는 따라 달라지지만 클래스와는 무관하므로, 왜 ‘개’가 아니라 ‘고양이’인지는 말해 "
    "주지 못합니다.",
    # heads
    "distances.title": "헤드마다 얼마나 멀리 볼까?",
    "distances.text": "점 하나가 헤드 하나, 선은 헤드들의 평균입니다. 패치와 그 패치가 보는 곳 사이의 평균 "
    "거리입니다(Dosovitskiy et al. 2021, 그림 7 오른쪽). 강조한 점: {layer}번 레이어의 {head}번 헤드, 패치 "
    "{value}개 거리.",
    "distances.text.mean": "점 하나가 헤드 하나, 선은 헤드들의 평균입니다. 패치와 그 패치가 보는 곳 사이의 평균 "
    "거리입니다(Dosovitskiy et al. 2021, 그림 7 오른쪽).",
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
    "entropies.not": "엔트로피가 낮으면 헤드가 좁게 본다는 뜻이지 중요하다는 뜻은 아닙니다. "
    "패치 앞의 토큰도 함께 셉니다.",
    "norms.title": "레이어마다 토큰 벡터의 길이는 어떻게 변할까?",
    "norms.text": "토큰의 L2 노름입니다. 0은 첫 레이어에 들어가기 전이고, 그다음은 각 레이어를 나온 뒤입니다.",
    "norms.median": "패치 중앙값",
    "norms.range": "패치 범위",
    "norms.x": "레이어 이후",
    "norms.y": "L2 노름",
    "norms.hover": "레이어 %{x} 이후: %{y:.3r}<extra>%{fullData.name}</extra>",
    "norms.lines": "모든 레이어(클릭해 선택)",
    "norms.map": "{layer}번 레이어: {low}–{high}",
    "norms.patch": "%{customdata[0]}행 %{customdata[1]}열: %{z:.3r}<extra></extra>",
    "norms.alt": "{layer}번 레이어 뒤 패치들의 노름, 최소 {low}, 최대 {high}. 이상치 토큰 {count}개를 표시했습니다.",
    "norms.not": "모델은 벡터가 유난히 긴 몇몇 패치를 저장 공간으로 쓰며(Darcet et al. 2024), 이 때문에 어텐션 "
    "맵이 흐려집니다. 하지만 노름은 토큰에 담긴 내용을 말해 주지 않고, 서로 다른 모델의 노름은 비교할 수 없습니다. "
    "맵의 색은 0이 아니라 가장 작은 노름에서 시작하므로, 어두운 패치의 벡터도 길 수 있습니다.",
    # features
    "features.title": "레이어마다 어떤 패치들이 서로 비슷할까?",
    "features.text": "패치 특징의 첫 세 주성분을 빨강, 초록, 파랑으로 나타냅니다. 고른 레이어는 이미지 위에 보입니다.",
    "features.fold": "색은 무엇을 뜻할까? 수식과 흔한 오해",
    "features.not": "색이 비슷한 패치는 세 가지 주된 방향에서 특징이 비슷합니다. 기저는 레이어마다 이 이미지의 "
    "패치만으로 따로 구하며, 클래스 토큰과 레지스터는 넣지 않습니다. 빨강, 초록, 파랑은 패치의 첫째, 둘째, 셋째 "
    "주성분 값입니다. 극단적인 패치 몇 개가 색을 다 차지하지 않도록 채널마다 제2백분위수부터 제98백분위수까지를 "
    "씁니다. 그래서 다른 이미지나 레이어, 다른 종류의 특징과는 색을 비교할 수 없고, 빨강 자체에는 뜻이 없습니다. "
    "주성분의 부호는 임의적입니다. Vitrine은 절댓값이 가장 큰 원소를 양수로 정하지만, 빨강과 청록을 서로 바꾸어도 "
    "뜻은 같습니다. 색은 클래스가 아닙니다. 세 주성분은 분산의 일부만 설명하므로 색이 같은 패치도 서로 다를 수 "
    "있습니다. 전경은 첫째 주성분이 평균보다 큰 패치라는 어림 규칙일 뿐이며, 물체는 반대쪽이나 양쪽에 있을 수도 "
    "있습니다.",
    # lists
    "list.none": "없음",
    "list.more": "{names} 외 {count}개",
}
