//! Misuse that the types refuse: each file of `compile_fail` must not compile, with the error beside it.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
