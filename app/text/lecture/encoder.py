EN = {"kicker": "encoder", "title": "encoder", "text": "", "outline": ""}
KO = {"kicker": "encoder", "title": "encoder", "text": "", "outline": ""}
MATH = {}
