//! mod_filter and filter lists: which filters run, and mistakes in naming them.

use crate::harness::{cases, Server, Setup};

fn server(conf: &str) -> Server {
    Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .file("htdocs/a.html", "<p>hello</p>\n")
        .conf(conf)
        .start()
}

fn refused(text: &str) {
    Setup::new().conf(text).check().exit(1).err("line 1 of");
}

cases! {
    byte_ranges_are_off_where_a_filter_says_so: {
        let s = server("FilterDeclare own\nFilterProvider own BYTERANGE \"%{REQUEST_METHOD} == 'POST'\"\nFilterChain own");
        s.get("/a.txt").is(200).body("hello\n");
    };
    chain_with_a_condition_that_does_not_hold: {
        let s = server("FilterDeclare own\nFilterProvider own CONTENT_LENGTH \"false\"\nFilterChain +own");
        s.get("/a.txt").is(200).body("hello\n");
    };
    chain_with_at_puts_first: {
        let s = server("FilterDeclare a\nFilterDeclare b CONTENT_SET\nFilterProvider a CONTENT_LENGTH \"false\"\nFilterProvider b CONTENT_LENGTH \"false\"\nFilterChain a\nFilterChain @b");
        s.get("/a.txt").is(200).body("hello\n");
    };
    chain_with_minus_takes_away: {
        let s = server("FilterDeclare a\nFilterProvider a CONTENT_LENGTH \"false\"\nFilterChain a\n<Location />\nFilterChain -a\n</Location>");
        s.get("/a.txt").is(200).body("hello\n");
    };
    chain_with_bang_takes_all_away: {
        let s = server("FilterDeclare a\nFilterProvider a CONTENT_LENGTH \"true\"\nFilterChain a\n<Location />\nFilterChain !\n</Location>");
        s.get("/a.txt").is(200).body("hello\n");
    };
    set_output_filter_none: {
        let s = server("<Location />\nSetOutputFilter NONE\n</Location>");
        s.get("/a.txt").is(200).body("hello\n");
    };
    set_output_filter_known: {
        let s = server("<Location />\nSetOutputFilter CONTENT_LENGTH\n</Location>");
        s.get("/a.txt").is(200).body("hello\n");
    };
    add_output_filter_by_suffix: {
        let s = server("AddOutputFilter CONTENT_LENGTH .txt");
        s.get("/a.txt").is(200).body("hello\n");
        s.get("/a.html").is(200).body("<p>hello</p>\n");
    };
    add_output_filter_by_type: {
        let s = server("AddOutputFilterByType CONTENT_LENGTH text/plain text/html");
        s.get("/a.txt").is(200).body("hello\n");
        s.get("/a.html").is(200).body("<p>hello</p>\n");
    };
    unknown_output_filter_is_told: {
        let s = server("<Location />\nSetOutputFilter NO_SUCH_FILTER\n</Location>");
        s.get("/a.txt");
        s.logged("NO_SUCH_FILTER");
    };
    remove_output_filter: {
        let s = server("AddOutputFilter CONTENT_LENGTH .txt\n<Location />\nRemoveOutputFilter .txt\n</Location>");
        s.get("/a.txt").is(200).body("hello\n");
    };
    mistake_provider_short: refused("FilterProvider own");
    mistake_provider_expression: refused("FilterProvider own CONTENT_LENGTH \"nonsense\"");
    mistake_protocol_without_filter: refused("FilterProtocol");
}
