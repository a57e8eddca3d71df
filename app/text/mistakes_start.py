"""The sentences of starting an evaluation on the page "Mistakes"."""

EN = {
    "mistakes.new": "New evaluation",
    "mistakes.new.text": "Evaluate the model chosen in the sidebar, {model}, on your own labelled pictures.",
    "mistakes.new.run": "Earlier evaluations",
    "mistakes.new.run.one": "{source} ({model})",
    "mistakes.new.way": "Where the pictures are",
    "mistakes.new.way.zip": "ZIP file",
    "mistakes.new.way.path": "Folder",
    "mistakes.new.way.catalogue": "Download",
    "mistakes.new.input": "Input size and framing",
    "mistakes.zip": "A ZIP file with one folder for each class",
    "mistakes.zip.limit": "{mb}MB per file",
    "mistakes.zip.refused": "Upload refused. Choose one ZIP file of at most {mb} MB, or try again.",
    "mistakes.zip.how": "For example `animals/cat/1.jpg` and `animals/dog/2.jpg`: the folders' names are the labels.",
    "mistakes.zip.kept": "The pictures and the results are kept on the computer that runs Vitrine, for this browser "
    "tab alone. They are deleted when you close or reload the tab, or press Delete.",
    "mistakes.zip.notice": "Your upload: kept for this browser tab alone, until you close or reload it.",
    "mistakes.zip.delete": "Delete",
    "mistakes.zip.disk": "The file cannot be stored ({reason}).",
    "mistakes.catalogue.text": "Data sets with ImageNet's classes. Each is downloaded once and kept on the computer "
    "that runs Vitrine.",
    "mistakes.catalogue.set": "**{title}**: {what}",
    "mistakes.catalogue.facts": "{pictures} validation pictures in {classes} classes · {size}\u00a0MB · {licence}",
    "mistakes.catalogue.imagenette2-160": "things that are easy to tell apart",
    "mistakes.catalogue.imagewoof2-160": "dog breeds",
    "mistakes.catalogue.known": "The model chosen in the sidebar knows {known} of these {classes} classes.",
    "mistakes.catalogue.download": "Download {size}\u00a0MB",
    "mistakes.catalogue.there": "On this computer: {path}",
    "mistakes.path.text": "On the computer that runs Vitrine. The pictures are only read; the results go into "
    "Vitrine's own folder.",
    "mistakes.new.source": "Folder, CSV, Parquet or archive",
    "mistakes.new.source.help": "A folder with one folder for each class, or a tar or zip archive of it; a CSV or "
    "Parquet file with paths and labels; CIFAR or Fashion-MNIST files; the ImageNet validation set. `bundled:photos` "
    "and `bundled:fashion` ship with Vitrine.",
    "mistakes.new.labels": "Label table (optional)",
    "mistakes.new.labels.help": "A CSV or Parquet file with a column of paths, relative to the folder above, and a "
    "column of labels. For a folder whose subfolders are not its classes.",
    "mistakes.new.table": "Class table (optional)",
    "mistakes.new.table.help": "A CSV file with two columns, for names that differ: a class of the pictures, and the "
    "model's name for it.",
    "mistakes.new.check": "Check",
    "mistakes.new.go": "Evaluate {count:picture|pictures}",
    "mistakes.new.busy": "Reading the list of pictures …",
    "mistakes.new.no.model": "First choose a model in the sidebar.",
    "mistakes.check.found": "**{source}**: {count:picture|pictures} in {classes:class|classes}. The model knows "
    "{known} of them, {by}.",
    "mistakes.check.by.name": "by name",
    "mistakes.check.by.synset": "by ImageNet synset",
    "mistakes.check.by.table": "by your class table",
    "mistakes.check.by.index": "by number",
    "mistakes.check.unknown": "Not known to the model, so neither right nor wrong: {names}.",
    "mistakes.check.ambiguous": "These names fit several of the model's classes, so they count as neither right nor "
    "wrong: {names}. A class table can give the number of the right one (from 0).",
    "mistakes.check.unused": "Classes of the model without a picture here: {names}.",
    "mistakes.check.more": "{names} and {count} more",
    "mistakes.check.none": "The model knows none of these classes by name. Choose what each of them is in the model.",
    "mistakes.check.without": "Evaluate {count:picture|pictures} without labels",
    "mistakes.check.without.text": "Without labels nothing is right or wrong: you see the predictions and the "
    "embedding map, but no accuracy, confusion matrix or errors.",
    "mistakes.check.reused": "Classes that you mapped earlier are mapped again.",
    "mistakes.map.classes": "Map the classes",
    "mistakes.map.classes.text": "Left: a class of the pictures. Right: the model's class; type to search, ★ is a "
    "suggestion. Classes that you leave empty are neither right nor wrong.",
    "mistakes.map.classes.accept": "Accept {count:suggestion|suggestions}",
    "mistakes.map.classes.save": "Save as table",
    "mistakes.map.classes.page": "Classes",
    "mistakes.map.classes.none": "no class",
    "mistakes.check.changed": "There already is an evaluation of these pictures, but the model, the pictures or "
    "Vitrine have changed since. Both stay in the list.",
    "mistakes.check.left_out": "Left out: {what}.",
    "mistakes.check.left_out.outside": "{count:link|links} to places outside the folder",
    "mistakes.check.left_out.again": "{count:folder|folders} reached a second time through a link",
    "mistakes.check.left_out.unreadable": "{count:folder|folders} that cannot be opened",
    "mistakes.check.left_out.repeated": "{count:repeated row|repeated rows}",
    "mistakes.check.left_out.unlabelled": "{count} without a label",
    "mistakes.check.left_out.format": "{count:picture|pictures} in formats that Vitrine does not read ({formats})",
    "mistakes.check.respelled.end": "Found by their last folders and file name: {count:path|paths} of the table.",
    "mistakes.check.respelled.case": "Found by ignoring upper and lower case: {count:path|paths} of the table.",
}

KO = {
    "mistakes.new": "새로 평가하기",
    "mistakes.new.text": "왼쪽에서 고른 모델({model})을 레이블이 있는 내 이미지로 평가합니다.",
    "mistakes.new.run": "지난 평가",
    "mistakes.new.run.one": "{source}(모델: {model})",
    "mistakes.new.way": "이미지가 있는 곳",
    "mistakes.new.way.zip": "ZIP 파일",
    "mistakes.new.way.path": "폴더",
    "mistakes.new.way.catalogue": "내려받기",
    "mistakes.new.input": "입력 크기와 이미지 범위",
    "mistakes.zip": "클래스마다 폴더가 하나씩 든 ZIP 파일",
    "mistakes.zip.limit": "파일당 {mb} MB까지",
    "mistakes.zip.refused": "업로드가 거부되었습니다. {mb} MB 이하의 ZIP 파일 하나를 고르거나 다시 시도하세요.",
    "mistakes.zip.how": "예를 들어 `animals/cat/1.jpg`, `animals/dog/2.jpg`처럼 넣습니다. 폴더 이름이 레이블이 됩니다.",
    "mistakes.zip.kept": "이미지와 결과는 Vitrine이 실행되는 컴퓨터에 이 브라우저 탭에서만 쓰도록 보관합니다. 탭을 "
    "닫거나 새로 고치면, 또는 삭제 버튼을 누르면 지워집니다.",
    "mistakes.zip.notice": "올린 이미지: 이 브라우저 탭에서만 쓰고, 탭을 닫거나 새로 고치면 지워집니다.",
    "mistakes.zip.delete": "삭제",
    "mistakes.zip.disk": "파일을 저장할 수 없습니다({reason}).",
    "mistakes.catalogue.text": "ImageNet의 클래스로 이루어진 데이터 세트입니다. 한 번만 내려받아 Vitrine이 실행되는 "
    "컴퓨터에 보관합니다.",
    "mistakes.catalogue.set": "**{title}**: {what}",
    "mistakes.catalogue.facts": "클래스 {classes}개, 검증 이미지 {pictures}장 · {size}\u00a0MB · {licence}",
    "mistakes.catalogue.imagenette2-160": "서로 뚜렷이 다른 사물",
    "mistakes.catalogue.imagewoof2-160": "개 품종",
    "mistakes.catalogue.known": "왼쪽에서 고른 모델은 이 클래스 {classes}개 중 {known}개를 압니다.",
    "mistakes.catalogue.download": "{size}\u00a0MB 내려받기",
    "mistakes.catalogue.there": "이 컴퓨터에 있음: {path}",
    "mistakes.path.text": "Vitrine이 실행되는 컴퓨터에 있는 이미지입니다. 이미지는 읽기만 하고, 결과는 Vitrine의 "
    "폴더에 저장합니다.",
    "mistakes.new.source": "폴더, CSV, Parquet 또는 압축 파일",
    "mistakes.new.source.help": "클래스마다 폴더가 하나씩 있는 폴더나 그 폴더의 압축 파일, 경로와 레이블을 적은 "
    "CSV나 Parquet 파일, CIFAR나 Fashion-MNIST 파일, ImageNet 검증 이미지를 쓸 수 있습니다. "
    "`bundled:photos`와 `bundled:fashion`은 Vitrine에 들어 있습니다.",
    "mistakes.new.labels": "레이블 표(선택)",
    "mistakes.new.labels.help": "하위 폴더가 클래스가 아닌 폴더에 씁니다. 위 폴더를 기준으로 한 경로 열과 레이블 열이 "
    "있는 CSV나 Parquet 파일입니다.",
    "mistakes.new.table": "클래스 대응표(선택)",
    "mistakes.new.table.help": "이름이 서로 다를 때 쓰는 두 열짜리 CSV 파일입니다. 첫 열은 이미지의 클래스, 둘째 열은 "
    "모델의 클래스 이름입니다.",
    "mistakes.new.check": "확인",
    "mistakes.new.go": "이미지 {count}장 평가",
    "mistakes.new.busy": "이미지 목록을 읽는 중 …",
    "mistakes.new.no.model": "먼저 왼쪽에서 모델을 고르세요.",
    "mistakes.check.found": "**{source}**: 클래스 {classes}개, 이미지 {count}장입니다. 그중 클래스 {known}개가 {by} "
    "모델의 클래스와 일치합니다.",
    "mistakes.check.by.name": "이름으로",
    "mistakes.check.by.synset": "ImageNet synset으로",
    "mistakes.check.by.table": "클래스 대응표로",
    "mistakes.check.by.index": "번호로",
    "mistakes.check.unknown": "모델이 모르는 클래스라 맞고 틀림을 따질 수 없습니다: {names}.",
    "mistakes.check.ambiguous": "모델의 클래스 여럿에 들어맞는 이름이라 맞고 틀림을 따질 수 없습니다: {names}. 클래스 "
    "대응표에 맞는 클래스의 번호(0부터)를 적어 주세요.",
    "mistakes.check.unused": "여기에 이미지가 없는 모델 클래스: {names}.",
    "mistakes.check.more": "{names} 외 {count}개",
    "mistakes.check.none": "이름으로는 모델이 아는 클래스가 하나도 없습니다. 각 클래스가 모델의 어떤 클래스인지 "
    "골라 주세요.",
    "mistakes.check.without": "레이블 없이 이미지 {count}장 평가",
    "mistakes.check.without.text": "레이블이 없으면 맞고 틀림을 따질 수 없습니다. 예측과 임베딩 맵은 볼 수 있지만 "
    "정확도, 혼동 행렬, 오분류 목록은 없습니다.",
    "mistakes.check.reused": "전에 이어 둔 클래스를 그대로 이었습니다.",
    "mistakes.map.classes": "클래스 잇기",
    "mistakes.map.classes.text": "왼쪽은 이미지의 클래스, 오른쪽은 모델의 클래스입니다. 글자를 입력해 찾을 수 있고 ★은 "
    "추천입니다. 비워 둔 클래스는 맞고 틀림을 따지지 않습니다.",
    "mistakes.map.classes.accept": "추천 {count}개 받아들이기",
    "mistakes.map.classes.save": "표로 저장",
    "mistakes.map.classes.page": "클래스",
    "mistakes.map.classes.none": "클래스 없음",
    "mistakes.check.changed": "이미 평가한 결과가 있지만 그 뒤에 모델이나 이미지 또는 Vitrine이 바뀌었습니다. 새로 "
    "평가해도 이전 결과는 목록에 그대로 남습니다.",
    "mistakes.check.left_out": "제외한 것: {what}.",
    "mistakes.check.left_out.outside": "폴더 밖을 가리키는 링크 {count}개",
    "mistakes.check.left_out.again": "링크로 두 번째 닿은 폴더 {count}개",
    "mistakes.check.left_out.unreadable": "열 수 없는 폴더 {count}개",
    "mistakes.check.left_out.repeated": "중복된 행 {count}개",
    "mistakes.check.left_out.unlabelled": "레이블이 없는 것 {count}개",
    "mistakes.check.left_out.format": "읽지 않는 형식의 이미지 {count}장({formats})",
    "mistakes.check.respelled.end": "표의 경로 {count}개는 끝부분(마지막 폴더와 파일 이름)이 같은 파일로 찾았습니다.",
    "mistakes.check.respelled.case": "표의 경로 {count}개는 대소문자를 구분하지 않고 찾았습니다.",
}
