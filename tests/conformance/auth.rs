//! Who may see what: Basic authentication, Require and its containers, and the older Order, Allow and Deny.

use crate::harness::{cases, Response, Server, Setup};
use std::process::Command;
use std::sync::OnceLock;

/// `joe` with password `secret` in every form a password file may hold.
const USERS: &str = "\
plain:secret
sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
# a comment
empty:
joe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
jim:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
with space:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
";

/// Lines made by Apache's htpasswd, if it is installed.
fn htpasswd(flag: &str, user: &str) -> String {
    let out = Command::new("htpasswd")
        .args([&format!("-nb{flag}"), user, "secret"])
        .output();
    out.map_or(String::new(), |o| {
        String::from_utf8_lossy(&o.stdout).trim().to_string() + "\n"
    })
}

/// Rules by folder.
const RULES: &[(&str, &str)] = &[
    ("type-alone", "AuthType Basic"),
    ("granted", "Require all granted"),
    ("denied", "Require all denied"),
    ("valid", "Require valid-user"),
    ("user", "Require user joe jim"),
    ("user-quoted", "Require user \"with space\""),
    ("group", "AuthGroupFile @ROOT@/conf/groups\nRequire group staff"),
    ("group-two", "AuthGroupFile @ROOT@/conf/groups\nRequire group none staff"),
    ("group-missing", "AuthGroupFile @ROOT@/conf/groups\nRequire group none"),
    ("ip", "Require ip 127.0.0.1"),
    ("ip-net", "Require ip 127.0.0.0/8"),
    ("ip-mask", "Require ip 127.0.0.0/255.0.0.0"),
    ("ip-part", "Require ip 127"),
    ("ip-two", "Require ip 10 127.0"),
    ("ip-other", "Require ip 10.0.0.0/8"),
    ("ip-not", "<RequireAll>\nRequire all granted\nRequire not ip 127.0.0.1\n</RequireAll>"),
    ("local", "Require local"),
    ("host", "Require host localhost"),
    ("host-other", "Require host example.org"),
    ("forward", "Require forward-dns localhost"),
    ("env", "SetEnvIf X-Pass . PASS\nRequire env PASS"),
    ("method", "Require method GET HEAD"),
    ("method-not", "<RequireAll>\nRequire all granted\nRequire not method POST\n</RequireAll>"),
    ("expr", "Require expr \"%{QUERY_STRING} == 'open'\""),
    ("any", "<RequireAny>\nRequire ip 10.0.0.1\nRequire ip 127.0.0.1\n</RequireAny>"),
    ("any-none", "<RequireAny>\nRequire ip 10.0.0.1\nRequire ip 10.0.0.2\n</RequireAny>"),
    ("all", "<RequireAll>\nRequire ip 127.0.0.1\nRequire method GET\n</RequireAll>"),
    ("all-one-fails", "<RequireAll>\nRequire ip 127.0.0.1\nRequire ip 10.0.0.1\n</RequireAll>"),
    ("none", "<RequireAll>\nRequire all granted\n<RequireNone>\nRequire ip 127.0.0.1\n</RequireNone>\n</RequireAll>"),
    ("none-passes", "<RequireAll>\nRequire all granted\n<RequireNone>\nRequire ip 10.0.0.1\n</RequireNone>\n</RequireAll>"),
    ("nested", "<RequireAny>\nRequire ip 10.0.0.1\n<RequireAll>\nRequire ip 127.0.0.1\nRequire expr \"%{QUERY_STRING} == 'open'\"\n</RequireAll>\n</RequireAny>"),
    ("several", "Require ip 10.0.0.1\nRequire ip 127.0.0.1"),
    ("ip-or-user", "Require ip 10.0.0.1\nRequire valid-user"),
    ("ip-and-user", "<RequireAll>\nRequire ip 127.0.0.1\nRequire valid-user\n</RequireAll>"),
    ("ip-first", "Require ip 127.0.0.1\nRequire valid-user"),
    ("user-by-variable", "Require user %{QUERY_STRING}"),
    ("realm", "AuthName \"A \\\"quoted\\\" realm\"\nRequire valid-user"),
    ("norealm", "AuthType None\nRequire all granted"),
    ("nofile", "AuthUserFile @ROOT@/conf/none\nRequire valid-user"),
    ("notauth", "AuthBasicAuthoritative Off\nRequire valid-user"),
    ("sendforbidden", "AuthzSendForbiddenOnFailure On\nRequire user nobody"),
    ("order-ad", "AuthType None\nOrder allow,deny\nAllow from 127.0.0.1"),
    ("order-ad-default", "AuthType None\nOrder allow,deny"),
    ("order-ad-both", "AuthType None\nOrder allow,deny\nAllow from all\nDeny from 127.0.0.1"),
    ("order-da", "AuthType None\nOrder deny,allow\nDeny from all"),
    ("order-da-both", "AuthType None\nOrder deny,allow\nDeny from all\nAllow from 127.0.0.1"),
    ("order-da-default", "AuthType None\nOrder deny,allow"),
    ("order-mf", "AuthType None\nOrder mutual-failure\nAllow from 127.0.0.1"),
    ("allow-part", "AuthType None\nOrder allow,deny\nAllow from 127"),
    ("allow-net", "AuthType None\nOrder allow,deny\nAllow from 127.0.0.0/8"),
    ("allow-mask", "AuthType None\nOrder allow,deny\nAllow from 127.0.0.0/255.0.0.0"),
    ("allow-env", "AuthType None\nSetEnvIf X-Pass . PASS\nOrder allow,deny\nAllow from env=PASS"),
    ("allow-env-not", "AuthType None\nSetEnvIf X-Pass . PASS\nOrder allow,deny\nAllow from env=!PASS"),
    ("deny-other", "AuthType None\nOrder allow,deny\nAllow from all\nDeny from 10.0.0.1"),
    ("satisfy-any", "Order allow,deny\nAllow from 127.0.0.1\nSatisfy Any\nRequire valid-user"),
    ("satisfy-any-other", "Order allow,deny\nAllow from 10.0.0.1\nSatisfy Any\nRequire valid-user"),
    ("satisfy-all", "Order allow,deny\nAllow from 127.0.0.1\nSatisfy All\nRequire valid-user"),
    ("satisfy-any-no-rules", "AuthType None\nOrder allow,deny\nDeny from all\nSatisfy Any"),
    ("satisfy-any-no-order", "Satisfy Any\nRequire valid-user"),
    ("satisfy-by-method", "Order allow,deny\nAllow from all\nRequire valid-user\n<Limit GET>\nSatisfy Any\n</Limit>"),
    ("no-auth-type", "AuthType None\nRequire valid-user"),
    ("other-auth-type", "AuthType Digest\nRequire valid-user"),
    ("limit", "<Limit POST>\nRequire valid-user\n</Limit>"),
    ("limit-except", "<LimitExcept GET>\nRequire valid-user\n</LimitExcept>"),
    ("limit-order", "AuthType None\n<Limit POST>\nOrder deny,allow\nDeny from all\n</Limit>"),
    ("provider-alias", "AuthBasicProvider file second\nRequire valid-user"),
    ("require-alias", "Require loopback"),
    ("require-alias-layer", "Require staffers"),
    ("digests", "AuthUserFile conf/digests\nAuthBasicUseDigestAlgorithm MD5\nRequire valid-user"),
    ("expr-user", "Require expr \"%{REMOTE_USER} == 'joe'\""),
    ("not-user", "<RequireAll>\nRequire valid-user\nRequire not user jim\n</RequireAll>"),
    ("group-case", "AuthGroupFile conf/groups\nRequire group STAFF"),
    ("group-no-file", "AuthGroupFile conf/nosuch\nRequire group staff"),
    ("host-comment", "AuthType None\nRequire host # localhost"),
    ("own-401", "Require valid-user\nErrorDocument 401 /own-401/a.txt"),
    ("own-403", "AuthType None\nRequire all denied\nErrorDocument 403 /own-403/a.txt"),
    ("other-401", "Require valid-user\nErrorDocument 401 /valid/a.txt"),
    ("merge", "Require ip 127.0.0.1"),
    ("merge/off", "Require ip 10.0.0.1"),
    ("merge/and", "AuthMerging And\nRequire method GET"),
    ("merge/and-fails", "AuthMerging And\nRequire ip 10.0.0.1"),
    ("merge/or", "AuthMerging Or\nRequire ip 10.0.0.1"),
    ("merge/inherit", "DirectoryIndex x"),
];

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let made = htpasswd("m", "md5") + &htpasswd("B", "bcrypt") + &htpasswd("d", "crypt") + &htpasswd("5", "sha512");
        let mut setup = Setup::new()
            .file("conf/users", &(USERS.to_string() + &made))
            .file("conf/users2", "bob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
            .file("conf/digests", "joe:Realm:b1c6967a17684783ca8ccf9873678f39\n")
            .file("conf/groups", "staff: joe bob\nothers: jim\n# comment\nempty:\n")
            .script("cgi-bin/env", "printf 'Content-Type: text/plain\\r\\n\\r\\n'\nenv | sort\n")
            .conf(
                "<AuthnProviderAlias file second>\nAuthUserFile conf/users2\n</AuthnProviderAlias>\n\
                 <AuthzProviderAlias ip loopback \"10.0.0.1 127.0.0.1\">\n</AuthzProviderAlias>\n\
                 <AuthzProviderAlias group staffers staff>\nAuthGroupFile conf/groups\n</AuthzProviderAlias>\n\
                 ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\n<Directory @ROOT@/htdocs>\nAuthType Basic\nAuthName Realm\n\
                 AuthUserFile conf/users\n</Directory>\n<Directory @ROOT@/cgi-bin>\nAuthType Basic\nAuthName Realm\n\
                 AuthUserFile conf/users\nRequire valid-user\n</Directory>",
            );
        for (folder, rule) in RULES {
            setup = setup
                .file(&format!("htdocs/{folder}/a.txt"), "a\n")
                .conf(&format!("<Directory @ROOT@/htdocs/{folder}>\n{rule}\n</Directory>"));
        }
        setup.start()
    })
}

/// base64 of `user:password` (RFC 4648).
fn base64(text: &str) -> String {
    const SET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for block in text.as_bytes().chunks(3) {
        let bits = block
            .iter()
            .enumerate()
            .fold(0u32, |n, (i, b)| n | u32::from(*b) << (16 - 8 * i));
        for i in 0..4 {
            out.push(if i <= block.len() {
                SET[(bits >> (18 - 6 * i)) as usize & 63] as char
            } else {
                '='
            });
        }
    }
    out
}

fn get(folder: &str, lines: &[&str]) -> Response {
    www().get_with(&format!("/{folder}/a.txt"), lines)
}

fn login(folder: &str, user: &str, password: &str) -> Response {
    get(
        folder,
        &[&format!(
            "Authorization: Basic {}",
            base64(&format!("{user}:{password}"))
        )],
    )
}

fn open(folder: &str) {
    get(folder, &[]).is(200).body("a\n");
}

fn shut(folder: &str) {
    get(folder, &[]).is(403).lacks("WWW-Authenticate");
}

fn asks(folder: &str) {
    get(folder, &[])
        .is(401)
        .has("WWW-Authenticate", "Basic realm=\"Realm\"");
}

// Basic authentication.

cases! {
    basic_asks: asks("valid");
    basic_page_is_401: get("valid", &[]).is(401).contains("<title>401 Unauthorized</title>");
    basic_good: login("valid", "joe", "secret").is(200).body("a\n");
    basic_bad_password: login("valid", "joe", "wrong").is(401).has("WWW-Authenticate", "Basic realm=\"Realm\"");
    basic_unknown_user: login("valid", "nobody", "secret").is(401);
    basic_empty_password: login("valid", "joe", "").is(401);
    basic_user_in_other_case: login("valid", "JOE", "secret").is(401);
    basic_no_colon: get("valid", &[&format!("Authorization: Basic {}", base64("joe"))]).is(401);
    basic_not_base64: get("valid", &["Authorization: Basic !!!"]).is(401);
    basic_scheme_in_any_case: get("valid", &[&format!("Authorization: bAsIc {}", base64("joe:secret"))]).is(200);
    basic_other_scheme: get("valid", &["Authorization: Bearer abc"]).is(401);
    basic_several_requests_on_a_connection: {
        let mut c = www().client();
        c.get("/valid/a.txt").is(401);
        c.send(format!("GET /valid/a.txt HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {}\r\n\r\n", base64("joe:secret")));
        c.response().is(200);
        c.get("/valid/a.txt").is(401);
    };
    basic_realm_with_quotes: get("realm", &[]).is(401).has("WWW-Authenticate", "Basic realm=\"A \\\"quoted\\\" realm\"");
    basic_missing_password_file: {
        let r = login("nofile", "joe", "secret");
        assert!(r.status == 500 || r.status == 401, "{}", r.status);
    };
    basic_not_authoritative_still_refuses: {
        let r = login("notauth", "nobody", "x");
        assert!(r.status == 401 || r.status == 500, "{}", r.status);
    };
    form_sha: login("valid", "sha", "secret").is(200);
    form_md5: if has_htpasswd() { login("valid", "md5", "secret").is(200); login("valid", "md5", "wrong").is(401); };
    form_bcrypt: if has_htpasswd() { login("valid", "bcrypt", "secret").is(200); login("valid", "bcrypt", "wrong").is(401); };
    form_crypt: if has_htpasswd() { login("valid", "crypt", "secret").is(200); login("valid", "crypt", "wrong").is(401); };
    form_sha512: if has_htpasswd() { login("valid", "sha512", "secret").is(200); login("valid", "sha512", "wrong").is(401); };
    form_plain_text_is_no_form: login("valid", "plain", "secret").is(401);
    user_in_the_environment: {
        let line = format!("Authorization: Basic {}", base64("joe:secret"));
        www().get_with("/cgi-bin/env", &[&line]).is(200).line("REMOTE_USER=joe").line("AUTH_TYPE=Basic").no_line("HTTP_AUTHORIZATION=");
    };
}

fn has_htpasswd() -> bool {
    !htpasswd("m", "x").is_empty()
}

// Require.

cases! {
    auth_type_without_rules_is_500: get("type-alone", &[]).is(500);
    require_all_granted: open("granted");
    require_all_denied: shut("denied");
    require_user_first: login("user", "joe", "secret").is(200);
    require_user_second: login("user", "jim", "secret").is(200);
    require_user_other: login("user", "sha", "secret").is(401);
    require_user_asks: asks("user");
    require_user_with_a_space: login("user-quoted", "with space", "secret").is(200);
    require_user_by_variable: {
        let line = format!("Authorization: Basic {}", base64("joe:secret"));
        www().get_with("/user-by-variable/a.txt?joe", &[&line]).is(200);
        www().get_with("/user-by-variable/a.txt?jim", &[&line]).is(401);
    };
    require_group_member: login("group", "joe", "secret").is(200);
    require_group_other: login("group", "jim", "secret").is(401);
    require_group_of_several: login("group-two", "joe", "secret").is(200);
    require_group_missing: login("group-missing", "joe", "secret").is(401);
    require_ip: open("ip");
    require_ip_net: open("ip-net");
    require_ip_mask: open("ip-mask");
    require_ip_part: open("ip-part");
    require_ip_two: open("ip-two");
    require_ip_other: shut("ip-other");
    require_not_ip: shut("ip-not");
    require_local: open("local");
    require_host: open("host");
    require_host_other: shut("host-other");
    require_forward_dns: open("forward");
    require_env_set: get("env", &["X-Pass: 1"]).is(200);
    require_env_unset: shut("env");
    require_method: open("method");
    require_method_other: www().post("/method/a.txt", &[], "x").is(403);
    require_not_method: www().post("/method-not/a.txt", &[], "x").is(403);
    require_expr_holds: www().get("/expr/a.txt?open").is(200);
    require_expr_does_not: shut("expr");
    require_any: open("any");
    require_any_of_none: shut("any-none");
    require_all: open("all");
    require_all_one_fails: shut("all-one-fails");
    require_none: shut("none");
    require_none_passes: open("none-passes");
    require_nested: www().get("/nested/a.txt?open").is(200);
    require_nested_fails: shut("nested");
    require_lines_are_any: open("several");
    require_ip_or_user_asks: asks("ip-or-user");
    require_ip_or_user_good: login("ip-or-user", "joe", "secret").is(200);
    require_ip_and_user_asks: asks("ip-and-user");
    require_ip_and_user_good: login("ip-and-user", "joe", "secret").is(200);
    require_ip_passes_before_user: open("ip-first");
    send_forbidden_on_failure: login("sendforbidden", "joe", "secret").is(403);
    merging_off_replaces: shut("merge/off");
    merging_and: open("merge/and");
    merging_and_fails: shut("merge/and-fails");
    merging_or: open("merge/or");
    rules_are_inherited: open("merge/inherit");
}

// Order, Allow, Deny, Satisfy.

cases! {
    order_allow_deny: open("order-ad");
    order_allow_deny_default_is_no: shut("order-ad-default");
    order_allow_deny_deny_wins: shut("order-ad-both");
    order_deny_allow: shut("order-da");
    order_deny_allow_allow_wins: open("order-da-both");
    order_deny_allow_default_is_yes: open("order-da-default");
    order_mutual_failure: open("order-mf");
    allow_part_of_an_address: open("allow-part");
    allow_net: open("allow-net");
    allow_mask: open("allow-mask");
    allow_env_set: get("allow-env", &["X-Pass: 1"]).is(200);
    allow_env_unset: shut("allow-env");
    allow_env_not: open("allow-env-not");
    deny_another: open("deny-other");
    satisfy_any_by_address: open("satisfy-any");
    satisfy_any_by_user: login("satisfy-any-other", "joe", "secret").is(200);
    satisfy_any_asks: asks("satisfy-any-other");
    satisfy_all_asks: asks("satisfy-all");
    satisfy_all_good: login("satisfy-all", "joe", "secret").is(200);
}

// Rules for some methods; aliases; error documents beside what they explain.

cases! {
    satisfy_any_without_rules_for_users_opens: open("satisfy-any-no-rules");
    satisfy_any_without_order_opens: open("satisfy-any-no-order");
    satisfy_by_method: {
        open("satisfy-by-method");
        www().post("/satisfy-by-method/a.txt", &[], "x").is(401);
    };
    no_auth_type_is_500: get("no-auth-type", &[]).is(500);
    other_auth_type_is_500: get("other-auth-type", &[]).is(500);
    limit_names_the_method: {
        open("limit");
        www().post("/limit/a.txt", &[], "x").is(401);
    };
    limit_except_names_the_others: {
        open("limit-except");
        www().post("/limit-except/a.txt", &[], "x").is(401);
    };
    limit_holds_order: {
        open("limit-order");
        www().post("/limit-order/a.txt", &[], "x").is(403);
    };
    provider_alias_is_asked_next: {
        login("provider-alias", "joe", "secret").is(200);
        login("provider-alias", "bob", "secret").is(200);
        login("provider-alias", "nobody", "secret").is(401);
    };
    require_alias: open("require-alias");
    require_alias_brings_directives: {
        login("require-alias-layer", "joe", "secret").is(200);
        login("require-alias-layer", "jim", "secret").is(401);
    };
    digests_of_a_realm: {
        login("digests", "joe", "secret").is(200);
        login("digests", "joe", "wrong").is(401);
        login("digests", "jim", "secret").is(401);
    };
    require_expr_of_the_user_asks: asks("expr-user");
    require_expr_of_the_user: {
        login("expr-user", "joe", "secret").is(200);
        login("expr-user", "jim", "secret").is(401);
    };
    require_not_user: {
        login("not-user", "joe", "secret").is(200);
        login("not-user", "jim", "secret").is(401);
    };
    require_group_in_any_case: login("group-case", "joe", "secret").is(200);
    require_group_without_file: login("group-no-file", "joe", "secret").is(401);
    require_host_ends_at_a_comment: shut("host-comment");
    error_document_under_the_same_rules: {
        get("own-401", &[]).is(401).has("WWW-Authenticate", "Basic realm=\"Realm\"").body("a\n");
        get("own-403", &[]).is(403).body("a\n");
    };
    error_document_under_other_rules: get("other-401", &[]).is(401).contains("<title>401 Unauthorized</title>");
}

fn refused(rules: &str) {
    Setup::new()
        .conf(&format!("<Directory />\n{rules}\n</Directory>"))
        .check()
        .exit(1);
}

cases! {
    mistake_require_without_words: refused("Require");
    mistake_require_ip_garbage: refused("Require ip not.an.address");
    mistake_require_not_alone: refused("Require not ip 10.0.0.1");
    mistake_require_all_maybe: refused("Require all maybe");
    mistake_container_negative_only: refused("<RequireAll>\nRequire not ip 10.0.0.1\n</RequireAll>");
    mistake_container_empty: refused("<RequireAll>\n</RequireAll>");
    mistake_order_word: refused("Order first,second");
    mistake_allow_without_from: refused("Allow 127.0.0.1");
    mistake_bad_net: refused("Require ip 127.0.0.1/99");
    mistake_provider: refused("AuthBasicProvider nosuch");
    mistake_require_expr: refused("Require expr nonsense");
}
