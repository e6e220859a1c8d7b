// A module of its own, so that what only tests need stays out of Caisson's own go.mod.
module caisson/test

go 1.26

replace caisson => ../
