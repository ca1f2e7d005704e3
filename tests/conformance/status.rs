//! mod_status: the page for people and the one for programs.

use crate::harness::program::is_windows;
use crate::harness::{cases, eventually, is_apache, mpm, Response, Server, Setup};
use std::sync::OnceLock;
use std::time::Duration;

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = Setup::new()
            .file("htdocs/a.txt", "hello\n")
            .conf("ExtendedStatus On\n<Location /server-status>\nSetHandler server-status\n</Location>")
            .start();
        // Rates and the uptime in words need a second to have passed.
        let aged = eventually(Duration::from_secs(5), || {
            !server.get("/server-status?auto").text().contains("\nUptime: 0\n")
        });
        assert!(aged);
        server
    })
}

fn auto() -> Response {
    let r = www().get("/server-status?auto");
    r.is(200).like("Content-Type", "text/plain");
    r
}

fn value(r: &Response, key: &str) -> String {
    let start = format!("{key}: ");
    let text = r.text();
    match text.lines().find_map(|l| l.strip_prefix(&start)) {
        Some(v) => v.to_string(),
        None => r.fail(&format!("no {key}")),
    }
}

fn number(key: &str) -> f64 {
    let r = auto();
    let text = value(&r, key);
    text.parse()
        .unwrap_or_else(|_| r.fail(&format!("{key} is {text}")))
}

/// Does the MPM park idle connections, and show how many?
fn parks() -> bool {
    mpm() == "event" || is_windows()
}

cases! {
    auto_names_the_server: assert!(!value(&auto(), "ServerVersion").is_empty());
    auto_names_the_mpm: assert_eq!(value(&auto(), "ServerMPM"), crate::harness::fact("title"));
    auto_server_built: assert!(!value(&auto(), "Server Built").is_empty());
    auto_current_time: assert!(value(&auto(), "CurrentTime").ends_with(' ') || value(&auto(), "CurrentTime").contains("day, "));
    auto_restart_time: assert!(value(&auto(), "RestartTime").contains("day, "));
    auto_config_generation: assert!(number("ParentServerConfigGeneration") >= 1.0);
    auto_mpm_generation: assert_eq!(number("ParentServerMPMGeneration"), 0.0);
    auto_uptime: assert!(number("ServerUptimeSeconds") >= 0.0 && number("Uptime") >= 0.0);
    auto_uptime_in_words: assert!(value(&auto(), "ServerUptime").contains("second"));
    auto_load: assert!(number("Load1") >= 0.0 && number("Load5") >= 0.0 && number("Load15") >= 0.0);
    auto_accesses_count: {
        let before = number("Total Accesses");
        for _ in 0..5 {
            www().get("/a.txt").is(200);
        }
        assert!(number("Total Accesses") >= before + 5.0);
    };
    auto_kbytes: assert!(number("Total kBytes") >= 0.0);
    auto_duration: assert!(number("Total Duration") >= 0.0);
    auto_cpu: assert!(["CPUUser", "CPUSystem", "CPUChildrenUser", "CPUChildrenSystem"].iter().all(|k| number(k) >= 0.0));
    auto_rates: assert!(number("ReqPerSec") >= 0.0 && number("BytesPerSec") >= 0.0);
    auto_busy_workers: assert!(number("BusyWorkers") >= 1.0);
    auto_idle_workers: assert!(number("IdleWorkers") >= 0.0);
    auto_graceful_workers: assert_eq!(number("GracefulWorkers"), 0.0);
    auto_processes_only_where_connections_are_parked: assert_eq!(auto().text().contains("\nConnsTotal: "), parks());
    auto_scoreboard: {
        let r = auto();
        let board = value(&r, "Scoreboard");
        assert!(board.contains('W') && board.bytes().all(|b| b"_SRWKDCLGI.".contains(&b)), "{board}");
    };
    auto_scoreboard_has_a_letter_for_each_slot: {
        let r = auto();
        let letters = value(&r, "Scoreboard").len();
        assert!(letters >= 24, "{letters}");
    };
    auto_numbers_agree_with_the_board: {
        let r = auto();
        let board = value(&r, "Scoreboard");
        let idle = board.bytes().filter(|b| b"_".contains(b)).count();
        let said: usize = value(&r, "IdleWorkers").parse().unwrap_or(0);
        assert!(idle.abs_diff(said) <= 2, "{idle} {said}");
    };
    auto_keys_in_order: {
        let text = auto().text();
        let keys = ["ServerVersion: ", "ServerMPM: ", "Server Built: ", "CurrentTime: ", "RestartTime: ", "ServerUptimeSeconds: ",
            "Load1: ", "Total Accesses: ", "Total kBytes: ", "Uptime: ", "ReqPerSec: ", "BusyWorkers: ", "IdleWorkers: ", "Scoreboard: "];
        let places: Vec<Option<usize>> = keys.iter().map(|k| text.find(&format!("\n{k}"))).collect();
        assert!(places.iter().all(Option::is_some) && places.windows(2).all(|w| w[0] < w[1]), "{places:?}\n{text}");
    };
    auto_keep_alive_is_seen: {
        // Apache's event counts its parked connections only now and then.
        if is_apache() && mpm() == "event" {
            return;
        }
        let mut c = www().client();
        c.get("/a.txt").is(200);
        let seen = eventually(Duration::from_secs(4), || {
            let r = auto();
            let parked = parks() && value(&r, "ConnsAsyncKeepAlive") != "0";
            parked || value(&r, "Scoreboard").contains('K')
        });
        assert!(seen, "{}", auto().text());
    };
    page_is_html: www().get("/server-status").is(200).like("Content-Type", "text/html").contains("Server Status").contains("Server Version");
    page_has_the_key: www().get("/server-status").is(200).contains("Waiting for Connection").contains("Sending Reply");
    page_shows_its_own_request: www().get("/server-status?mark-me").is(200).contains("mark-me");
    page_escapes_requests: www().get("/server-status?<b>").without("?<b>");
    page_refresh: www().get("/server-status?refresh=7").is(200).has("Refresh", "7");
    page_refresh_default: www().get("/server-status?refresh").is(200).like("Refresh", "");
    page_notable: www().get("/server-status?notable").is(200);
    head_of_the_page: www().head("/server-status").is(200);
    put_is_refused: {
        let r = www().ask("PUT", "/server-status", &["Content-Length: 0"]);
        assert!(r.status == 405 || r.status == 501, "{}", r.status);
    };
}

#[test]
fn extended_status_off_leaves_the_board() {
    let s = Setup::new()
        .conf(
            "ExtendedStatus Off\n<Location /server-status>\nSetHandler server-status\n</Location>",
        )
        .start();
    let r = s.get("/server-status?auto");
    r.is(200)
        .contains("\nScoreboard: ")
        .without("Total Accesses");
}

#[test]
fn access_rules_hold() {
    let s = Setup::new()
        .conf(
            "<Location /server-status>\nSetHandler server-status\nRequire ip 10.0.0.1\n</Location>",
        )
        .start();
    s.get("/server-status").is(403);
}
