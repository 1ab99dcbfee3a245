//! `plan --jsonl`: exact answers to cases of every kind, and lines that are none.

use assert_cmd::Command;
use serde_json::{Value, json};

/// Attributes without limits but for those given.
fn attr(limits: Value) -> Value {
    let mut attr = json!({
        "addr_lo": 0, "addr_hi": u64::MAX, "count_max": u64::MAX, "align": 1, "minxfer": 1,
        "maxxfer": u64::MAX, "seg": u64::MAX, "sgllen": -1, "granular": 1, "flags": 0,
    });
    for (name, value) in limits.as_object().unwrap() {
        attr[name] = value.clone();
    }
    attr
}

fn case(limits: Value, offset: u64, len: u64, pfns: &[u64], flags: &[&str]) -> Value {
    json!({"id": 7, "attr": attr(limits), "object": {"offset": offset, "len": len, "pfns": pfns}, "flags": flags})
}

/// Runs the program over some lines; gives the exit status, the answers and the standard error.
fn run(lines: &[String]) -> (i32, Vec<Value>, String) {
    let mut text = lines.join("\n");
    text.push('\n');
    let output = Command::cargo_bin("ddi-dma")
        .unwrap()
        .args(["plan", "--jsonl", "-"])
        .write_stdin(text)
        .output()
        .unwrap();
    let answers = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (output.status.code().unwrap(), answers, String::from_utf8(output.stderr).unwrap())
}

fn answer(case: Value) -> Value {
    let (status, mut answers, _) = run(&[case.to_string()]);
    assert_eq!((status, answers.len()), (0, 1), "{answers:?}");
    answers.remove(0)
}

#[test]
fn an_object_that_goes_as_it_lies() {
    let answer = answer(case(json!({}), 0x100, 8192, &[5, 6, 9], &["READ"]));
    let expected = json!({
        "id": 7, "result": "mapped", "copied_bytes": 0,
        "windows": [{"offset": 0, "length": 8192, "lists": [
            {"offset": 0, "length": 8192, "cookies": [[0x5100, 0x1F00, false], [0x9000, 0x100, false]]},
        ]}],
    });
    assert_eq!(answer, expected);
}

#[test]
fn a_list_ends_on_a_granule() {
    let answer =
        answer(case(json!({"sgllen": 2, "granular": 512}), 0x100, 0x3000, &[2, 4, 6, 8], &["WRITE"]));
    assert_eq!(answer["result"], "mapped");
    let lists = answer["windows"][0]["lists"].as_array().unwrap();
    let lengths: Vec<u64> = lists.iter().map(|list| list["length"].as_u64().unwrap()).collect();
    assert_eq!(lengths, [7680, 4096, 512]);
}

#[test]
fn what_is_out_of_reach_is_copied_beside_the_pages() {
    // Page 0 is the object's own: the copies stand behind it.
    let answer = answer(case(json!({"addr_hi": 0xFFFF}), 0, 8192, &[0, 0x100], &["READ", "WRITE"]));
    assert_eq!(answer["copied_bytes"], 4096);
    let cookies = &answer["windows"][0]["lists"][0]["cookies"];
    assert_eq!(*cookies, json!([[0, 4096, false], [0x1000, 4096, true]]));
}

#[test]
fn a_small_copy_buffer_slides_with_partial_only() {
    let mut case = case(json!({"addr_hi": 0xFFFF}), 0, 8192, &[0x100, 0x101], &["READ"]);
    case["max_copybuf"] = 4096.into();
    let refused = answer(case.clone());
    assert_eq!(refused["result"], "too_big");
    assert_eq!(refused["windows"], json!([]));
    assert!(refused["reason"].as_str().unwrap().starts_with("8192 bytes must go through the copy buffer"));
    case["flags"] = json!(["READ", "PARTIAL"]);
    let partial = answer(case);
    assert_eq!(partial["result"], "partial_map");
    let windows = partial["windows"].as_array().unwrap();
    let spans: Vec<_> = windows.iter().map(|window| (&window["offset"], &window["length"])).collect();
    assert_eq!(spans, [(&json!(0), &json!(4096)), (&json!(4096), &json!(4096))]);
    assert_eq!(windows[0]["lists"][0]["cookies"], json!([[0, 4096, true]]));
    assert_eq!(windows[1]["lists"][0]["cookies"], json!([[0, 4096, true]]));
}

#[test]
fn a_reach_that_the_object_fills_has_no_room() {
    let pages = [0, 1, 0x100];
    let full = answer(case(json!({"addr_hi": 0x1FFF}), 0, 12288, &pages, &["READ", "PARTIAL"]));
    assert_eq!(full["result"], "no_resources");
    // Room for one page only: without PARTIAL it is not enough, with it windows slide through it.
    let pages = [0, 1, 0x100, 0x200];
    let once = answer(case(json!({"addr_hi": 0x2FFF}), 0, 16384, &pages, &["READ"]));
    assert_eq!(once["result"], "no_resources");
    let slid = answer(case(json!({"addr_hi": 0x2FFF}), 0, 16384, &pages, &["READ", "PARTIAL"]));
    assert_eq!((&slid["result"], &slid["copied_bytes"]), (&json!("partial_map"), &json!(8192)));
}

#[test]
fn each_refusal_has_its_name() {
    let page: &[u64] = &[5];
    let scattered: &[u64] = &[5, 7, 9];
    let cases = [
        (case(json!({}), 0, 0, page, &["READ"]), "no_mapping"),
        (case(json!({}), 0, 0, &[], &["READ"]), "no_mapping"),
        (case(json!({"minxfer": 512}), 0, 511, page, &["READ"]), "too_small"),
        (case(json!({"minxfer": 0}), 0, 511, page, &["READ"]), "bad_attr"),
        (case(json!({"minxfer": 1u64 << 32}), 0, 511, page, &["READ"]), "bad_attr"),
        (case(json!({"granular": 1u64 << 32}), 0, 511, page, &["READ"]), "bad_attr"),
        (case(json!({"align": -4096}), 0, 511, page, &["READ"]), "bad_attr"),
        (case(json!({"sgllen": 0}), 0, 511, page, &["READ"]), "bad_attr"),
        (case(json!({"seg": 0x1_0000}), 0, 511, page, &["READ"]), "bad_attr"),
        (case(json!({"sgllen": 1, "count_max": 0, "granular": 2}), 0, 64, page, &["READ"]), "no_mapping"),
        (case(json!({"sgllen": 2}), 0, 12288, scattered, &["READ", "ONE_LIST"]), "too_big"),
    ];
    for (case, expected) in cases {
        let answer = answer(case.clone());
        assert_eq!(answer["result"], expected, "{case}");
        assert!(!answer["reason"].as_str().unwrap().is_empty());
        assert_eq!(answer["copied_bytes"], 0);
    }
}

#[test]
fn numbers_reach_the_last_address() {
    let last = (1u64 << 52) - 1;
    let answer = answer(case(json!({"sgllen": u64::MAX}), 0, 4096, &[last], &["WRITE", "STREAMING"]));
    assert_eq!(answer["windows"][0]["lists"][0]["cookies"], json!([[0xFFFF_FFFF_FFFF_F000u64, 4096, false]]));
}

#[test]
fn a_line_that_is_no_case_stops_nothing() {
    let good = case(json!({}), 0, 4096, &[5], &["READ"]);
    let change = |pointer: &str, value: Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        bad.to_string()
    };
    let lines = [
        "{\"id\": 1,".to_owned(),
        String::new(),
        good.to_string(),
        "[1, 2]".to_owned(),
        change("/object/offset", 4096.into()),
        change("/object/len", 4097.into()),
        change("/object/len", u64::MAX.into()),
        change("/object/pfns", json!([1u64 << 52])),
        change("/object/pfns", json!([-1])),
        change("/flags", json!(["READ", "SIDEWAYS"])),
        change("/attr/align", json!("many")),
        change("/attr", Value::Null),
        good.to_string(),
    ];
    let (status, answers, stderr) = run(&lines);
    assert_eq!(status, 1);
    let expected: [(u64, &str); 10] = [
        (1, "not JSON: EOF"),
        (4, "a case is an object with attr, object and flags, not an array"),
        (5, "object.offset 4096 is not inside the first page"),
        (6, "object.pfns has 1 pages, and 4097 bytes from offset 0 take 2"),
        (7, "object.pfns has 1 pages, and 18446744073709551615 bytes from offset 0 take 4503599627370496"),
        (8, "object.pfns[0]: page frame 0x10000000000000 lies above address 2^64 - 1"),
        (9, "object.pfns[0] -1 is out of range"),
        (10, "flag \"SIDEWAYS\" is unknown: flags are READ, WRITE, PARTIAL"),
        (11, "attr.align is a string, not an integer"),
        (12, "attr is null, not an object"),
    ];
    let errors: Vec<_> = answers.iter().filter(|answer| answer["error"].is_string()).collect();
    assert_eq!(errors.len(), expected.len());
    for (error, (line, text)) in errors.iter().zip(expected) {
        assert_eq!(error["line"], line);
        assert!(error["error"].as_str().unwrap().starts_with(text), "{error}");
    }
    let mapped = answers.iter().filter(|answer| answer["result"] == "mapped").count();
    assert_eq!(mapped, 2, "empty lines are no cases and no errors; good lines between bad ones are answered");
    assert!(stderr.contains("standard input: 10 of 12 lines are no cases"), "{stderr}");
}

#[test]
fn bytes_that_are_no_text_are_one_bad_line() {
    let mut command = Command::cargo_bin("ddi-dma").unwrap();
    let assert = command.args(["plan", "--jsonl", "-"]).write_stdin(b"\xFF\xFE\n".to_vec()).assert().code(1);
    let answer: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(answer["line"], 1);
}

#[test]
fn a_file_that_is_not_there() {
    let mut command = Command::cargo_bin("ddi-dma").unwrap();
    command
        .args(["plan", "--jsonl", "/nowhere/cases.jsonl"])
        .assert()
        .code(1)
        .stdout("")
        .stderr(predicates::str::starts_with("ddi-dma: cannot open /nowhere/cases.jsonl: "));
}
