"""Words of the scene "training".

The boxes "data_", "task_" and "recipe_" are there once for each recipe. The numbers in the boxes of the embedded models
come from their cards.
"""

_STEP_EN = (
    "Training repeats one step very often: compute the output for some pictures, compare it with the target, and "
    "change every weight a little so that the **loss** falls.\n"
)
_STEP_KO = (
    "학습은 한 단계를 수없이 되풀이합니다. 이미지 몇 장의 출력을 계산해 목표와 비교하고, **손실**이 줄도록 가중치를 "
    "조금씩 바꿉니다.\n"
)

EN = {
    "kicker": "Question · Training",
    "title": "How was it trained?",
    "text": _STEP_EN + "The loss looks only at the probability of the right class. If that is [{first}](of=0), this "
    "picture's loss is **{first_loss}**; if it is [{second}](of=1), **{second_loss}**.\n"
    "The gradient at the logits is $gradient$: the step raises the right class and lowers the others.\n"
    "{say_known}",
    "text_none": _STEP_EN
    + "Without labels, the target comes from the picture itself: hidden pixels, another crop, or a "
    "caption. The model that results has no classes; its vectors serve many tasks.\n"
    "{say_known}",
    "text_other": _STEP_EN + "{say_known}",
    "known": "The boxes summarise this model's card or paper.",
    "unknown": "Nothing is known about this model's training. The boxes say what is usual.",
    "outline": "Nothing on this slide happens while a picture is shown: the weights are fixed.\n"
    "A ViT has weak inductive biases. It needs more data than a CNN, or a good teacher, or no labels and a clever "
    "task.\n"
    "Choose the least probable class: one surprising label costs as much as many good answers save.\n"
    "Data, task and augmentation shape what attention looks at. Compare a model trained on labels with DINOv2.",
    "data": "Data",
    "task": "Task and loss",
    "recipe": "Recipe",
    "losses": "What is the loss of this picture if the right class is …?",
    "chosen": "−ln {p} = {loss}",
    "gradient": "Gradient: {own} at the logit of {label}, the probability at each of the others.",
    "data_photo": "{pictures} pictures of 292 classes from Tiny ImageNet, Caltech-101 and CIFAR-10. DINOv2, the start, "
    "saw 142 million pictures.",
    "task_photo": "Classification: cross-entropy with smoothed labels.",
    "recipe_photo": "DINOv2 ViT-S/14, then {steps} steps of {batch} pictures: the last nine layers and a new head, in "
    "{hours} hours on two CPU cores. Right: {tiny} of Tiny ImageNet, {caltech} of Caltech-101.",
    "data_fashion": "Fashion-MNIST: {pictures} grey pictures of clothes, 28 × 28 pixels, ten classes.",
    "task_fashion": "Classification: cross-entropy with the labels and with the answers of a CNN (distillation).",
    "recipe_fashion": "{epochs} epochs in {hours} hours on two CPU cores. Right: {accuracy} of the test pictures.",
    "data_tiny": "CIFAR-10: {pictures} colour photographs, 32 × 32 pixels, ten classes.",
    "task_tiny": "Classification: the class token learns the labels, the distillation token the answers of a CNN.",
    "recipe_tiny": "{epochs} epochs in {hours} hours on one CPU core. Right: {accuracy} of the test pictures.",
    "data_augreg": "ImageNet-21k: 14 million pictures, 21,843 classes. Then ImageNet-1k: 1.28 million, 1,000 classes.",
    "task_augreg": "Classification with labels, twice: first the many classes, then the 1,000.",
    "recipe_augreg": "Mixup, RandAugment, dropout and weight decay in place of more data (Steiner et al. 2022).",
    "data_deit": "ImageNet-1k alone: 1.28 million pictures, 1,000 classes.",
    "task_deit": "Classification: the class token learns the labels, the distillation token the decisions of a CNN.",
    "recipe_deit": "AdamW with RandAugment, Mixup, CutMix, random erasing and stochastic depth (Touvron et al. 2021).",
    "data_deit3": "ImageNet-21k, then ImageNet-1k.",
    "task_deit3": "Classification with labels.",
    "recipe_deit3": "Three plain augmentations (grey, solarise, blur), LayerScale, stochastic depth (Touvron et al. "
    "2022).",
    "data_dino": "ImageNet-1k: 1.28 million pictures; their labels are not used.",
    "task_dino": "Self-distillation: a student sees small crops and has to give the output of a teacher that sees "
    "large ones.",
    "recipe_dino": "The teacher is the moving average of the student; its output is centred and sharpened (Caron et "
    "al. 2021).",
    "data_dinov2": "LVD-142M: 142 million pictures, chosen automatically, without labels.",
    "task_dinov2": "Self-distillation of the whole picture (DINO) and of hidden patches (iBOT).",
    "recipe_dinov2": "The smaller models are distilled from a ViT-g; training ends with larger pictures (Oquab et al. "
    "2023).",
    "data_dinov3": "LVD-1689M: 1,689 million pictures from the web, without labels.",
    "task_dinov3": "As DINOv2, with Gram anchoring, which keeps patch features clean in long training.",
    "recipe_dinov3": "The smaller models are distilled from one with 7 billion parameters (Siméoni et al. 2025).",
    "data_mae": "ImageNet-1k: 1.28 million pictures; their labels are not used.",
    "task_mae": "75 % of the patches are hidden. A small decoder, discarded later, has to paint in their pixels.",
    "recipe_mae": "1,600 epochs; crops and flips are the only augmentation (He et al. 2022).",
    "data_clip": "400 million pictures from the web with their captions.",
    "task_clip": "Contrastive: in each batch, every picture has to find its caption among all captions.",
    "recipe_clip": "Batches of 32,768 pairs, 32 epochs, trained with a text encoder (Radford et al. 2021).",
    "data_siglip": "WebLI: billions of pictures from the web with texts.",
    "task_siglip": "Each pair of picture and text is judged on its own: do they belong together?",
    "recipe_siglip": "A sigmoid for each pair in place of CLIP's softmax over the batch (Zhai et al. 2023).",
    "data_unknown": "Unknown: the checkpoint does not say.",
    "task_unknown_single_label": "A head with {classes} outputs: most likely classification with cross-entropy.",
    "task_unknown_multi_label": "A head with {classes} sigmoids: most likely binary cross-entropy for each class.",
    "task_unknown_binary": "A head with one logit: most likely binary cross-entropy.",
    "task_unknown_regression": "A regression head: most likely the squared error.",
    "task_unknown_none": "No head: trained without labels, or the head was removed.",
    "recipe_unknown": "Usual for ViTs: AdamW, warm-up, cosine schedule, weight decay, strong augmentation; often a "
    "start from weights trained on far more pictures.",
}

KO = {
    "kicker": "질문 · 학습",
    "title": "이 모델은 어떻게 학습했을까?",
    "text": _STEP_KO + "손실은 정답 클래스의 확률만 봅니다. 이 이미지의 정답이 [{first}](of=0) 클래스라면 "
    "**{first_loss}**, [{second}](of=1) 클래스라면 **{second_loss}**입니다.\n"
    "로짓에서의 그래디언트는 $gradient$입니다. 정답 클래스는 올라가고 나머지는 내려갑니다.\n"
    "{say_known}",
    "text_none": _STEP_KO
    + "레이블이 없으면 목표를 이미지에서 얻습니다. 가린 픽셀, 다르게 자른 같은 이미지, 설명문이 목표가 "
    "됩니다. 이렇게 얻은 모델에는 클래스가 없고, 벡터를 여러 과제에 쓸 수 있습니다.\n"
    "{say_known}",
    "text_other": _STEP_KO + "{say_known}",
    "known": "상자의 내용은 이 모델의 모델 카드나 논문을 요약한 것입니다.",
    "unknown": "이 모델을 어떻게 학습했는지는 알 수 없습니다. 상자에는 흔히 쓰는 방법을 적었습니다.",
    "outline": "이 슬라이드의 일은 이미지를 볼 때 일어나지 않습니다. 그때 가중치는 고정되어 있습니다.\n"
    "ViT는 귀납 편향이 약합니다. CNN보다 데이터가 더 많거나, 좋은 교사가 있거나, 레이블이 필요 없는 좋은 과제가 있어야 "
    "합니다.\n"
    "확률이 가장 낮은 클래스를 골라 봅니다. 뜻밖의 정답 하나가 손실을 크게 키웁니다.\n"
    "데이터, 과제, 증강이 어텐션의 모습을 정합니다. 레이블로 학습한 모델과 DINOv2를 비교해 봅니다.",
    "data": "데이터",
    "task": "과제와 손실",
    "recipe": "학습 방법",
    "losses": "정답이 이 클래스라면 손실은?",
    "chosen": "−ln {p} = {loss}",
    "gradient": "그래디언트: {label} 로짓에서 {own}, 다른 로짓에서는 그 클래스의 확률입니다.",
    "data_photo": "Tiny ImageNet, Caltech-101, CIFAR-10에서 고른 292개 클래스의 이미지 {pictures}장. 출발점인 DINOv2는 "
    "1억 4,200만 장을 보았습니다.",
    "task_photo": "분류: 레이블 스무딩을 한 교차 엔트로피.",
    "recipe_photo": "DINOv2 ViT-S/14에서 출발해 {batch}장씩 {steps}단계. 뒤쪽 레이어 9개와 새 헤드를 CPU 코어 2개로 "
    "{hours}시간 학습. 정확도: Tiny ImageNet {tiny}, Caltech-101 {caltech}.",
    "data_fashion": "Fashion-MNIST: 28 × 28픽셀 흑백 옷 이미지 {pictures}장, 클래스 10개.",
    "task_fashion": "분류: 레이블과 CNN의 답을 함께 배우는 교차 엔트로피(증류).",
    "recipe_fashion": "CPU 코어 2개로 {hours}시간, {epochs}에포크. 테스트 정확도 {accuracy}.",
    "data_tiny": "CIFAR-10: 32 × 32픽셀 컬러 사진 {pictures}장, 클래스 10개.",
    "task_tiny": "분류: 클래스 토큰은 레이블을, 증류 토큰은 CNN의 답을 배웁니다.",
    "recipe_tiny": "CPU 코어 1개로 {hours}시간, {epochs}에포크. 테스트 정확도 {accuracy}.",
    "data_augreg": "ImageNet-21k: 1,400만 장, 클래스 21,843개. 다음에 ImageNet-1k: 128만 장, 클래스 1,000개.",
    "task_augreg": "레이블로 하는 분류를 두 번: 먼저 많은 클래스, 다음에 1,000개.",
    "recipe_augreg": "데이터를 늘리는 대신 Mixup, RandAugment, 드롭아웃, 가중치 감쇠를 씁니다(Steiner et al. 2022).",
    "data_deit": "ImageNet-1k만: 128만 장, 클래스 1,000개.",
    "task_deit": "분류: 클래스 토큰은 레이블을, 증류 토큰은 CNN이 고른 클래스를 배웁니다.",
    "recipe_deit": "AdamW와 RandAugment, Mixup, CutMix, 무작위 지우기, 확률적 깊이(Touvron et al. 2021).",
    "data_deit3": "ImageNet-21k, 다음에 ImageNet-1k.",
    "task_deit3": "레이블로 하는 분류.",
    "recipe_deit3": "간단한 증강 세 가지(흑백, 솔라리제이션, 블러), 레이어 스케일, 확률적 깊이(Touvron et al. 2022).",
    "data_dino": "ImageNet-1k: 128만 장. 레이블은 쓰지 않습니다.",
    "task_dino": "자기 증류: 작게 자른 이미지를 본 학생이, 크게 자른 이미지를 본 교사의 출력을 맞힙니다.",
    "recipe_dino": "교사는 학생의 이동 평균이고, 교사의 출력을 중심화하고 뾰족하게 만듭니다(Caron et al. 2021).",
    "data_dinov2": "LVD-142M: 자동으로 고른 이미지 1억 4,200만 장. 레이블은 없습니다.",
    "task_dinov2": "이미지 전체(DINO)와 가린 패치(iBOT)의 자기 증류.",
    "recipe_dinov2": "작은 모델은 ViT-g에서 증류하고, 마지막에는 큰 이미지로 학습합니다(Oquab et al. 2023).",
    "data_dinov3": "LVD-1689M: 웹 이미지 16억 8,900만 장. 레이블은 없습니다.",
    "task_dinov3": "DINOv2의 과제에, 오래 학습해도 패치 특징이 흐려지지 않게 하는 Gram 앵커링을 더합니다.",
    "recipe_dinov3": "작은 모델은 파라미터 70억 개인 모델에서 증류합니다(Siméoni et al. 2025).",
    "data_mae": "ImageNet-1k: 128만 장. 레이블은 쓰지 않습니다.",
    "task_mae": "패치의 75 %를 가리고, 나중에 버리는 작은 디코더가 그 픽셀을 복원합니다.",
    "recipe_mae": "1,600에포크. 증강은 자르기와 좌우 뒤집기뿐입니다(He et al. 2022).",
    "data_clip": "설명문이 딸린 웹 이미지 4억 장.",
    "task_clip": "대조 학습: 배치 안의 모든 설명문 가운데 이미지마다 제 설명문을 찾습니다.",
    "recipe_clip": "32,768쌍씩 32에포크, 텍스트 인코더와 함께 학습합니다(Radford et al. 2021).",
    "data_siglip": "WebLI: 글이 딸린 웹 이미지 수십억 장.",
    "task_siglip": "이미지와 글 한 쌍마다 서로 맞는지 따로 판단합니다.",
    "recipe_siglip": "CLIP의 배치 전체 소프트맥스 대신 쌍마다 시그모이드를 씁니다(Zhai et al. 2023).",
    "data_unknown": "알 수 없음: 체크포인트에 적혀 있지 않습니다.",
    "task_unknown_single_label": "출력이 {classes}개인 헤드: 아마 교차 엔트로피로 학습한 분류.",
    "task_unknown_multi_label": "시그모이드 {classes}개인 헤드: 아마 클래스마다 이진 교차 엔트로피.",
    "task_unknown_binary": "로짓 하나인 헤드: 아마 이진 교차 엔트로피.",
    "task_unknown_regression": "회귀 헤드: 아마 제곱 오차.",
    "task_unknown_none": "헤드 없음: 레이블 없이 학습했거나, 헤드를 떼어 냈습니다.",
    "recipe_unknown": "ViT에서 흔한 방법: AdamW, 워밍업, 코사인 스케줄, 가중치 감쇠, 강한 증강. 훨씬 많은 이미지로 "
    "학습한 가중치에서 출발할 때가 많습니다.",
}

MATH = {
    "gradient": "p - y",
    "ce": r"L = -\ln p_y",
    "each": r"L = -\sum_k \left( y_k \ln p_k + (1 - y_k) \ln (1 - p_k) \right)",
    "square": r"L = \lVert \hat y - y \rVert^2",
    "teacher": r"L = -\sum_k t_k \ln s_k",
    "pixels": r"L = \frac{1}{|M|} \sum_{i \in M} \lVert \hat x_i - x_i \rVert^2",
    "caption": r"L = -\ln \frac{e^{u_i \cdot v_i / \tau}}{\sum_j e^{u_i \cdot v_j / \tau}}",
    "pair": r"L = -\ln \sigma\left( y_{ij} (t\, u_i \cdot v_j + b) \right)",
}
