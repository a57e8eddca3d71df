"""The summary."""

EN = {
    "kicker": "Summary",
    "title": "From pixels to a prediction, in four steps",
    "text": "A CNN moves small windows. A ViT cuts **{patches} patches** and lets all look at all, from the first "
            "layer on.\n[1 embed](step=1) · [2 place](step=2) · [3 mix, {layers} times](step=3) · [4 read](step=4): "
            "{answer}.\n{parameters}",
    "outline": "A CNN builds its view up window by window; a ViT starts with all patches at once.\n"
               "Cut and project; add a place; let the patches talk; read one vector.\n"
               "Every box leads back to its scene: ask the room where to go.\n"
               "Base, Large, Huge: the same diagram, only wider and deeper.",
    "pipeline": "The whole model; each box opens its scene", "why": "Why?", "cnn": "CNN → ViT",
    "bias": "inductive bias", "language": "words → patches", "step1": "1 Patch embedding", "step2": "2 Position",
    "step3": "3 Encoder × {layers}", "step4": "4 Head", "picture": "picture", "patches": "patches",
    "projection": "linear projection", "token": "+ class token", "prefix": "+ {n} tokens",
    "no_token": "no class token", "positions": "+ position embedding", "no_positions": "no positions",
    "rotary_positions": "rotary positions", "norm": "norm",
    "attention": "multi-head attention", "mlp": "MLP", "add": "+", "heads": "{n} heads", "widths": "{hidden} wide",
    "read_token": "class token", "read_two": "class + distillation", "read_pooled": "pooled vector",
    "head": "norm, linear, softmax", "no_head": "norm", "prediction": "prediction", "none": "no prediction",
    "answer": "{label}, {p}", "open": "Opens the scene “{title}”",
    "all": "In grey: {total} parameters", "at": "Step {n}: {share} of all parameters",
    "table": "The paper’s models, and this one", "model": "model", "patch": "patch", "depth": "layers", "dim": "D",
    "hidden": "MLP", "head_count": "heads", "parameters": "parameters", "paper": "in paper", "B/16": "ViT-Base",
    "L/16": "ViT-Large", "H/14": "ViT-Huge", "own": "here: {name}",
    "note": "Dosovitskiy et al. 2021, table 1; parameters computed, with a head of {classes} classes.",
}

KO = {
    "kicker": "정리",
    "title": "픽셀에서 예측까지, 네 단계",
    "text": "CNN은 작은 창을 옮겨 가며 봅니다. ViT는 패치 **{patches}개**로 자르고, 첫 레이어부터 모든 패치가 "
            "서로를 봅니다.\n[1 임베딩](step=1) · [2 위치](step=2) · [3 섞기 {layers}번](step=3) · [4 읽기](step=4): "
            "{answer}.\n{parameters}",
    "outline": "CNN은 창을 조금씩 넓혀 가지만, ViT는 처음부터 모든 패치를 함께 봅니다.\n"
               "자르고 투영하고, 위치를 더하고, 패치끼리 섞고, 벡터 하나를 읽습니다.\n"
               "상자를 누르면 그 장면으로 돌아갑니다. 어디가 궁금한지 물어보세요.\n"
               "Base, Large, Huge는 그림은 같고 폭과 깊이만 다릅니다.",
    "pipeline": "모델 전체. 상자를 누르면 그 장면이 열립니다", "why": "왜?", "cnn": "CNN → ViT",
    "bias": "귀납 편향", "language": "단어 → 패치", "step1": "1 패치 임베딩", "step2": "2 위치",
    "step3": "3 인코더 × {layers}", "step4": "4 헤드", "picture": "이미지", "patches": "패치",
    "projection": "선형 투영", "token": "+ 클래스 토큰", "prefix": "+ 토큰 {n}개", "no_token": "클래스 토큰 없음",
    "positions": "+ 위치 임베딩", "no_positions": "위치 임베딩 없음",
    "rotary_positions": "회전 위치 임베딩", "norm": "정규화",
    "attention": "멀티 헤드 어텐션", "mlp": "MLP", "add": "+", "heads": "헤드 {n}개", "widths": "폭 {hidden}",
    "read_token": "클래스 토큰", "read_two": "클래스 + 증류", "read_pooled": "풀링한 벡터",
    "head": "정규화, 선형, 소프트맥스", "no_head": "정규화", "prediction": "예측", "none": "예측 없음",
    "answer": "{label}, {p}", "open": "장면 ‘{title}’ 열기", "all": "회색: 파라미터, 모두 {total}개",
    "at": "{n}단계: 전체 파라미터의 {share}", "table": "논문의 모델, 그리고 지금 이 모델", "model": "모델",
    "patch": "패치", "depth": "레이어", "dim": "D", "hidden": "MLP", "head_count": "헤드", "parameters": "파라미터",
    "paper": "논문의 값", "B/16": "ViT-Base", "L/16": "ViT-Large", "H/14": "ViT-Huge", "own": "지금: {name}",
    "note": "Dosovitskiy et al. 2021, 표 1. 파라미터 수는 클래스 {classes}개 기준으로 계산한 값입니다.",
}

MATH = {}
