"""Korean sentences for the core's errors, by code. An InputError's own sentence is the English one."""

SENTENCES = {
    "busy": "이미 많은 이미지가 모델을 기다리고 있습니다. 몇 초 뒤에 다시 시도하세요.",
    "serve-gone": "모델을 실행하는 서버 {url}에서 응답이 없습니다({reason}). 다시 시도하거나 서버를 시작하세요.",
    "serve-url": "{url}: 모델 서버의 주소가 아닙니다. 서버가 알려 준 호스트와 포트로 "
    "http://127.0.0.1:8000 처럼 적으세요.",
    "serve-format": "네트워크로 받은 내용이 이미지나 기록이 아닙니다({reason}). 양쪽에서 같은 버전의 "
    "Vitrine을 사용하세요.",
    "ray-missing": "Ray가 필요하지만 설치되어 있지 않습니다. pip install -r requirements-ray.txt로 설치하세요.",
    "image-missing": "열 수 있는 이미지 파일이 없습니다: {name}",
    "image-empty": "파일이 비어 있습니다(0바이트). 이미지를 다시 복사하거나 내려받으세요.",
    "image-too-heavy": "파일이 20 MB보다 큽니다. 크기를 줄이거나 JPEG로 저장하세요.",
    "image-not-a-picture": "이름과 달리 이미지 파일이 아닙니다. JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF 파일을 고르세요.",
    "image-format": "{format} 이미지는 읽을 수 없습니다. JPEG나 PNG로 저장하세요.",
    "image-truncated": "{format} 파일이 손상되었거나 중간에 잘렸습니다. 다시 복사하거나 내려받거나 내보내세요.",
    "image-too-large": "이미지가 너무 큽니다. 이런 {format} 파일은 최대 {megapixels}메가픽셀까지 열 수 있고, "
    "메모리가 부족하면 그보다 작아야 합니다. 크기를 줄여서 다시 시도하세요.",
    "image-too-thin": "이미지가 {width:,} × {height:,}픽셀로 너무 가늘어서 볼 것이 없습니다. 긴 변이 짧은 변의 "
    "{max_ratio}배를 넘지 않게 자르세요.",
    "image-channels": "이 모델의 입력은 채널이 {channels}개인데 이미지의 채널은 3개(흑백이면 1개)입니다. "
    "이미지용 모델을 고르세요.",
    "input-size": "이 모델의 입력 크기는 {size}픽셀이 될 수 없습니다. 패치 한 변({step}픽셀)의 배수이면서 "
    "{most}픽셀 이하인 값을 고르세요. 가까운 값: {near}.",
    "input-framing": "이미지 범위를 {got}(으)로 할 수 없습니다. 가능한 값: {allowed}.",
    "input-whole": "회전 위치 임베딩을 쓰는 모델입니다. Vitrine은 행과 열의 수가 같을 때만 이를 계산하므로 이미지 "
    "전체를 넣을 수 없습니다. 모델의 크롭을 쓰거나, 학습된 위치 임베딩을 쓰는 모델을 고르세요.",
    "features-size": "특징은 토큰 {most:,}개까지 보관할 수 있는데 이 이미지의 토큰은 {count:,}개입니다. "
    "입력 크기를 줄이세요.",
    "features-missing": "특징 없이 기록한 결과입니다. 특징도 함께 기록하세요.",
    "features-no-patches": "접두 토큰만 있고 패치가 없습니다.",
    "features-width": "채널 {one}개인 특징과 {other}개인 특징은 비교할 수 없습니다. "
    "두 이미지를 같은 모델로 기록하세요.",
    "model-unknown": "그런 모델이 없습니다: {name}. 이름은 timm:, hf:, file: 가운데 하나로 시작합니다.",
    "model-problem-type": "헤드의 출력이 {classes}개라서 문제 유형을 {got}(으)로 볼 수 없는 모델입니다: {source}. "
    "가능한 유형: {allowed}.",
    "device-unavailable": "모델을 옮길 수 없습니다({device}): {reason}.",
    "timm-unknown": "timm에 그런 모델이 없습니다: {name}. 비슷한 이름: {available}.",
    "timm-not-a-vit": "timm의 모델이지만 Vision Transformer가 아닙니다: {name}. 비슷한 이름의 Vision Transformer: "
    "{available}.",
    "timm-weights-unknown": "timm에 그런 가중치가 없습니다: {name}. 고를 수 있는 이름: {available}.",
    "checkpoint-windowed": "토큰이 자기 윈도 안만 보는 윈도 어텐션 모델이라 Vitrine에서 볼 수 없습니다: {source}. 일반 "
    "Vision Transformer를 고르세요. 예: {plain}.",
    "timm-missing": "timm이 설치되어 있지 않아 timm 모델을 쓸 수 없습니다. pip install timm으로 설치하세요.",
    "timm-broken": "timm이 설치되어 있지만 불러올 수 없습니다({reason}). 지금 쓰는 torch에 맞는 torchvision과 "
    "함께 timm을 다시 설치하세요.",
    "hub-unreachable": "아직 내려받지 않은 모델인데 Hugging Face 허브에 연결할 수 없습니다: {name}({reason}). "
    "네트워크가 없어도 내장 모델, hf:/폴더/경로, file:/파일/경로는 쓸 수 있습니다.",
    "hub-not-found": "Hugging Face 허브에 그런 공개 저장소나 파일이 없습니다: {repo}({files}). 이름의 철자를 "
    "확인하세요.",
    "hub-gated": "저장소 {repo}의 파일은 이용 조건에 동의한 사람에게만 제공됩니다. Hugging Face 허브의 저장소 "
    "페이지에서 조건에 동의하고, 이 컴퓨터에서 `hf auth login`을 실행한 뒤 다시 시도하세요.",
    "hub-offline": "Hugging Face 허브에 연결할 수 없어({reason}) 확인할 수 없습니다. 네트워크를 확인하고 "
    "다시 시도하세요.",
    "hub-no-weights": "공개된 가중치가 없는 모델입니다: {name}. 다른 모델을 고르세요.",
    "hub-missing": "huggingface_hub가 설치되어 있지 않아 모델을 내려받을 수 없습니다. pip install "
    "huggingface_hub로 설치하세요.",
    "download-unreachable": "서버 {host}에 연결할 수 없습니다({reason}). 네트워크를 확인하고 다시 시도하세요. "
    "끊긴 곳부터 이어서 받습니다.",
    "download-refused": "서버 {host}에서 파일을 보내지 않습니다(HTTP 상태 {status}). 나중에 다시 시도하세요.",
    "download-damaged": "서버 {host}에서 받은 내용이 원래 파일과 달라({reason}) 지웠습니다. 다시 내려받으세요.",
    "download-disk": "내려받은 내용을 {folder}에 쓸 수 없습니다({reason}). 디스크 공간을 비우고 다시 시도하세요.",
    "download-failed": "내려받지 못했습니다({reason}). 다시 시도하세요.",
    "checkpoint-not-found": "읽을 수 있는 파일이 없습니다: {path}. 파일 이름과 폴더, 읽기 권한을 확인하세요. "
    "Hugging Face 허브의 모델은 hf:소유자/이름으로 씁니다.",
    "checkpoint-empty": "파일이 비어 있습니다(0바이트): {source}. 다시 복사하거나 내려받으세요.",
    "checkpoint-truncated": "파일이 {size:,}바이트에서 잘렸습니다: {source}. 다시 복사하거나 내려받으세요.",
    "checkpoint-format": "체크포인트로 읽을 수 없는 파일입니다: {source}({reason}). 이름 붙은 부동소수점 "
    "가중치가 담긴 .safetensors, .pth, .pt, .bin, .ckpt, .pth.tar 파일을 고르세요.",
    "checkpoint-header": "safetensors 파일의 헤더가 아닙니다: {source}({reason}). 다시 내려받거나 가중치를 "
    "새로 저장하세요.",
    "checkpoint-foreign": "{source}: {kind}",
    "checkpoint-set": "파일에 그런 이름의 가중치가 없습니다: {source}({name}). 들어 있는 가중치: {available}.",
    "checkpoint-several": "Vision Transformer가 여러 개 들어 있는 파일입니다: {source}({available}). 파일 이름 뒤에 "
    "#과 이름을 붙여 하나를 고르세요.",
    "checkpoint-adapter": "PEFT 어댑터인데 기반 모델에 합칠 수 없습니다: {source}({reason}). merge_and_unload()가 "
    "돌려준 모델을 저장해서 그것을 불러오세요.",
    "checkpoint-pickle": "열 때 코드({what})를 실행하려는 파일이라 실행하지 않고 거부했습니다: {source}. "
    "가중치만, 되도록 .safetensors로 저장하세요.",
    "checkpoint-bomb": "{size:,}바이트 파일이 풀면 {unpacked:,}바이트가 됩니다: {source}. 체크포인트는 "
    "압축하지 않으므로 읽지 않았습니다. 가중치를 새로 저장하세요.",
    "checkpoint-keys": "파일의 텐서가 모델 구조와 맞지 않습니다: {source}. 빠진 텐서: {missing}. 구조에 없는 "
    "텐서: {extra}. 모양이 다른 텐서: {shapes}. Vision Transformer 하나가 온전히 담긴 "
    "파일을 고르세요.",
    "checkpoint-shapes": "텐서의 모양이 모델 구조와 다릅니다: {source}. 파일의 모양 ≠ 필요한 모양: {shapes}. "
    "이 가중치와 함께 저장된 config.json을 쓰세요.",
    "checkpoint-not-finite": "가중치에 NaN이나 무한대가 있어 계산 결과에 아무 의미가 없습니다: "
    "{source}({tensors}). 학습이 발산하기 전의 체크포인트를 고르세요.",
    "checkpoint-architecture": "여기에서 보여 줄 수 있는 Vision Transformer가 아닙니다: {source}({reason}). "
    "timm이나 transformers의 ViT, DeiT, DINOv2, DINOv3, CLIP, SigLIP을 고르세요.",
    "checkpoint-config": "설정대로는 모델을 만들 수 없습니다: {source}({reason}). 이 가중치와 함께 공개된 "
    "config.json을 쓰세요.",
    "labels-count": "모델의 클래스는 {classes}개인데 레이블은 {labels}개입니다: {source}. 클래스마다 레이블을 "
    "하나씩 적으세요.",
    "rows-missing": "열 수 있는 평가 결과가 없습니다: {name}. 평가를 끝까지 실행하세요.",
    "rows-format": "읽을 수 있는 Parquet 파일이 아닙니다: {name}. 끝난 평가의 rows.parquet을 고르세요.",
    "rows-columns": "평가 결과 표가 아닙니다: {name}에 없는 열이 있습니다({columns}). 끝난 평가의 rows.parquet을 "
    "고르세요.",
    "labels-format": "레이블로 읽을 수 없는 파일입니다: {source}. 한 줄에 이름 하나씩 적은 UTF-8 텍스트 "
    "파일이나 이름의 JSON 목록으로 저장하세요.",
    "labels-numbers": "클래스 번호가 맞지 않습니다: {source}. 클래스가 {count}개이면 번호는 0부터 {last}까지 하나씩 "
    "있어야 하는데 빠진 번호가 있습니다({missing}). 번호를 고치거나, 이름만 순서대로 JSON 목록으로 적으세요.",
    "dataset-missing": "열 수 있는 폴더나 파일이 없습니다: {name}. 이름과 읽기 권한을 확인하세요.",
    "dataset-unknown": "목록에 그런 데이터 세트가 없습니다: {name}. 있는 것: {available}.",
    "dataset-not-downloaded": "아직 내려받지 않은 데이터 세트입니다: {name}. 오분류 페이지에서 내려받거나 "
    "`vitrine evaluate {name} --download`를 실행하세요.",
    "dataset-empty": "레이블이 있는 이미지가 없습니다: {name}(클래스 {classes:,}개). 클래스마다 폴더를 하나씩 "
    "두고 그 안에 이미지(JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF)를 넣으세요.",
    "dataset-formats": "이미지가 {count:,}장 있지만 읽을 수 있는 형식이 없습니다: {name}({formats}). JPEG나 PNG로 "
    "변환하세요.",
    "dataset-outside": "지정한 폴더 밖으로 이어지는 경로라서 열지 않았습니다: {name}. 폴더 안으로 복사하세요.",
    "dataset-format": "레이블이 있는 이미지 모음으로 읽을 수 없습니다: {name}({reason}). 클래스마다 폴더가 "
    "하나씩 있는 폴더나, 경로와 레이블을 적은 CSV 또는 Parquet 표를 고르세요.",
    "dataset-encoding": "UTF-8이나 UTF-16 텍스트가 아닙니다: {name}. 표를 UTF-8 CSV로 저장하세요(Excel에서는 "
    "'CSV UTF-8').",
    "dataset-column": "표에 필요한 열이 없습니다: {name}. 가능한 열 이름: {wanted}. 표에 있는 열: {found}. 열 "
    "하나의 이름을 바꾸세요.",
    "dataset-labels": "ImageNet 검증 이미지의 정답이 없습니다: {name}. {file} 파일을 함께 두거나, 이미지를 "
    "synset마다 폴더 하나씩으로 나누세요.",
    "dataset-pickle": "CIFAR의 Python 버전은 열 때 코드를 실행할 수 있어서 열지 않았습니다: {name}. 바이너리 "
    "버전을 내려받으세요.",
    "dataset-conflict": "표에 레이블이 둘 이상인 이미지입니다: {name}({labels}). 한 행만 남기세요.",
    "evaluate-disk": "결과를 쓸 수 없습니다: {out}({reason}). 공간을 비우거나 다른 폴더를 고른 뒤 다시 "
    "시작하세요. 지금까지의 결과는 그대로 있습니다.",
    "evaluate-running": "이 폴더에서 이미 평가가 진행 중입니다: {out}. 끝나기를 기다리거나 취소하세요.",
    "evaluate-other": "다른 평가의 결과가 있는 폴더입니다: {out}(다른 점: {differs}). 다른 폴더를 고르거나, "
    "결과를 버리고 처음부터 시작하세요.",
    "evaluate-option": "평가에 쓸 수 없는 값입니다: {option} = {got}. 가능한 값: {allowed}.",
    "evaluate-folder": "평가가 만들지 않은 파일이 있는 폴더입니다: {out}({names}). 아무것도 바꾸지 않았습니다. "
    "다른 폴더를 고르세요.",
    "evaluate-among": "이미지 폴더 안에는 결과를 쓰지 않습니다: {out}. {root} 밖에 있는 폴더를 고르세요.",
    "evaluate-regression": "클래스가 아니라 수를 내놓는 모델(회귀)이어서 이미지의 클래스와 비교할 수 없습니다. 분류 "
    "모델을 고르세요. 이 모델이 분류기라면 문제 유형을 바꾸어 여세요.",
    "evaluate-cancelled": "이미지 {total:,}장 가운데 {done:,}장에서 평가를 멈췄습니다. 다시 시작하면 그다음부터 "
    "이어집니다.",
    "evaluate-workers": "이미지를 디코딩하는 프로세스가 시작하자마자 끝납니다. 워커를 0개로 실행하세요.",
    "evaluate-failed": "예상하지 못한 오류로 중단되었습니다: {reason}",
    "evaluate-ray": "Ray가 평가를 마치지 못했습니다({reason}). 다시 시작하면 지금까지의 결과에서 이어집니다.",
    "evaluate-memory": "이미지 {batch}장을 한 번에 처리하기에는 장치의 메모리가 부족합니다. 배치를 줄이세요.",
    "evaluate-picture": "이미지를 읽을 수 없습니다({reason}).",
    "evaluate-crash": "이 이미지를 읽던 프로세스가 두 번 모두 비정상 종료되었습니다.",
    "evaluate-not-finite": "이 이미지에 대한 모델의 출력에 유한하지 않은 값이 있습니다.",
    "evaluate-table": "클래스 대응표로 읽을 수 없는 파일입니다: {path}({reason}). 소스의 클래스와 모델의 클래스 "
    "이름을 두 열에 적은 UTF-8 CSV 파일로 저장하세요.",
    "evaluate-table-rows": "클래스 대응표에 이미지의 클래스가 아니거나 여러 클래스에 해당하는 이름이 있습니다: "
    "{names}. 해당하는 행을 고치거나 지우세요.",
    "tensor-shape": "전처리된 이미지는 모양이 (1, {channels}, 높이, 폭)인 부동소수점 텐서여야 하는데, 주어진 "
    "텐서는 {dtype} {shape}입니다.",
    "tensor-grid": "회전 위치 임베딩을 쓰는 모델이라 패치가 {rows}행 {cols}열이거나 행과 열의 수가 같은 이미지만 "
    "받습니다. 주어진 이미지는 {height}×{width} 픽셀입니다.",
    "model-no-head": "분류 헤드가 없어 예측하지 못하는 모델입니다. 분류를 학습한 모델을 고르세요.",
    "rollout-option": "어텐션 롤아웃에 쓸 수 없는 값입니다: {option} = {got}. 가능한 값: {allowed}.",
    "attribution-empty": "Grad-CAM으로는 클래스 {target}에 기여하는 패치를 찾을 수 없습니다. 다른 방법을 고르세요.",
    "attribution-target": "모델에 없는 클래스입니다: {target}. 클래스 번호는 0부터 {last}까지입니다.",
    "localisation-grid": "모델의 입력이 가로세로 2×2 패치보다 작아 이미지 네 장을 한꺼번에 넣을 수 없습니다. "
    "입력 크기를 키우세요.",
    "boxes-table": "상자 표로 읽을 수 없는 파일입니다: {path}({reason}). `path`, `left`, `top`, `right`, `bottom` 열에 "
    "0부터 센 픽셀 위치를 적은 CSV 파일로 저장하세요.",
    "intervention-option": "개입에 쓸 수 없는 값입니다: {option} = {got}. 가능한 값: {allowed}.",
}
#: What `differs` of "evaluate-other" names.
DIFFERENCES = {
    "model": "모델",
    "input": "입력 크기와 이미지 범위",
    "source": "이미지 목록",
    "classes": "클래스 대응",
    "batch": "배치 크기",
    "device": "장치",
    "torch": "PyTorch 버전",
    "pictures' folder": "이미지 폴더",
    "pictures' file": "이미지 파일",
}

#: Kinds of foreign files (`vit_core.checkpoints.files.foreign.KINDS`): what the file is, and the next step.
FOREIGN = {
    "lfs": "실제 파일이 아니라 Git LFS 포인터입니다. git lfs pull로 파일을 받으세요.",
    "html": "가중치가 아니라 웹 페이지입니다. 그 페이지에서 로그인하거나 이용 조건에 동의한 뒤 다시 내려받으세요.",
    "text": "가중치가 아니라 텍스트 파일입니다. 다시 내려받으세요.",
    "archive": "여러 파일을 묶은 압축 파일입니다. 압축을 풀고 안에 있는 체크포인트를 고르세요.",
    "onnx": "레이어 이름이 없는 ONNX 모델입니다. ONNX로 내보내기 전의 PyTorch 체크포인트를 고르세요.",
    "tensorflow": "TensorFlow 또는 Keras 모델입니다. PyTorch 가중치를 고르거나, from_pretrained(폴더, from_tf=True)로 "
    "읽어 save_pretrained로 저장하세요.",
    "jax": "JAX 또는 Flax 가중치입니다. PyTorch 가중치를 고르세요. Google ViT의 가중치는 timm이 변환합니다. "
    "vc.from_timm(module)을 vc.save로 저장하세요.",
    "torchscript": "TorchScript 프로그램입니다. torch.save(torch.jit.load(path).state_dict(), other_path)로 가중치를 "
    "저장하세요.",
    "gguf": "GGUF 파일입니다. PyTorch 가중치를 고르세요.",
    "optimizer": "가중치 없이 옵티마이저의 상태만 들어 있습니다. 같은 시점에 저장한, 모델의 state_dict가 든 파일을 "
    "고르세요.",
    "adapter": "기반 모델 없이 어댑터(LoRA)만 들어 있습니다. 기반 모델을 준비하고 그 폴더를 hf:<폴더>로 열거나, "
    "merge_and_unload()가 돌려준 모델을 저장하세요.",
    "unmerged": "어댑터를 합치지 않은 모델입니다({found}). merge_and_unload()가 돌려준 모델을 저장하세요.",
    "shard": "여러 파일로 나누어 저장한 모델의 한 부분입니다. 모든 부분과 색인이 든 폴더를 hf:<폴더>로 여세요.",
}

#: Where a fact about a model came from (`vit_core.checkpoints.report.PHRASES`).
ORIGINS = {
    "names and shapes of the tensors": "텐서의 이름과 모양",
    "defaults of {}": "{} 기본값",
    "timm's list of ImageNet's classes": "timm의 ImageNet 클래스 목록",
    "timm's module": "timm 모듈",
    "none: {} lacks the numbers {}": "없음({}에 {}번이 빠져 있음)",
    "none: {} names {} classes, not {}": "없음({}의 클래스는 {}개인데 모델의 클래스는 {}개임)",
    "none: {} has no names": "없음({}에 이름이 없음)",
}
