EN = {"kicker": "cnn", "title": "cnn", "text": "", "outline": ""}
KO = {"kicker": "cnn", "title": "cnn", "text": "", "outline": ""}
MATH = {}
