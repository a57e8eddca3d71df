EN = {"kicker": "head", "title": "head", "text": "", "outline": ""}
KO = {"kicker": "head", "title": "head", "text": "", "outline": ""}
MATH = {}
