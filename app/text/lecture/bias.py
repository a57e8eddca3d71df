EN = {"kicker": "bias", "title": "bias", "text": "", "outline": ""}
KO = {"kicker": "bias", "title": "bias", "text": "", "outline": ""}
MATH = {}
