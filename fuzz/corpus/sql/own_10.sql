-- comment ; 'not a string
SELECT 1 /* ; /* nested */ */; SELECT $$ ; $$; SELECT $a$ $$ ; $a$, E'a\'b;' 'c', U&"x", "a;b", `c;d`