EN = {"kicker": "attention", "title": "attention", "text": "", "outline": ""}
KO = {"kicker": "attention", "title": "attention", "text": "", "outline": ""}
MATH = {}
