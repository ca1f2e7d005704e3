//! Status codes: their names, what they do to a connection, and the text of the built-in error pages.

/// Declares the constants and the table of reason phrases at once.
macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $reason:literal;)*) => {
        $($(#[$doc])* #[doc = concat!("`", $code, " ", $reason, "`")] pub const $name: u16 = $code;)*
        /// Every status with its reason phrase, in rising order.
        const REASONS: &[(u16, &str)] = &[$(($code, $reason)),*];
    };
}

statuses! {
    CONTINUE = 100, "Continue";
    SWITCHING_PROTOCOLS = 101, "Switching Protocols";
    PROCESSING = 102, "Processing";
    EARLY_HINTS = 103, "Early Hints";
    OK = 200, "OK";
    CREATED = 201, "Created";
    ACCEPTED = 202, "Accepted";
    NON_AUTHORITATIVE = 203, "Non-Authoritative Information";
    NO_CONTENT = 204, "No Content";
    RESET_CONTENT = 205, "Reset Content";
    PARTIAL_CONTENT = 206, "Partial Content";
    MULTI_STATUS = 207, "Multi-Status";
    ALREADY_REPORTED = 208, "Already Reported";
    IM_USED = 226, "IM Used";
    MULTIPLE_CHOICES = 300, "Multiple Choices";
    MOVED_PERMANENTLY = 301, "Moved Permanently";
    FOUND = 302, "Found";
    SEE_OTHER = 303, "See Other";
    NOT_MODIFIED = 304, "Not Modified";
    USE_PROXY = 305, "Use Proxy";
    TEMPORARY_REDIRECT = 307, "Temporary Redirect";
    PERMANENT_REDIRECT = 308, "Permanent Redirect";
    BAD_REQUEST = 400, "Bad Request";
    UNAUTHORIZED = 401, "Unauthorized";
    PAYMENT_REQUIRED = 402, "Payment Required";
    FORBIDDEN = 403, "Forbidden";
    NOT_FOUND = 404, "Not Found";
    METHOD_NOT_ALLOWED = 405, "Method Not Allowed";
    NOT_ACCEPTABLE = 406, "Not Acceptable";
    PROXY_AUTHENTICATION_REQUIRED = 407, "Proxy Authentication Required";
    REQUEST_TIMEOUT = 408, "Request Timeout";
    CONFLICT = 409, "Conflict";
    GONE = 410, "Gone";
    LENGTH_REQUIRED = 411, "Length Required";
    PRECONDITION_FAILED = 412, "Precondition Failed";
    CONTENT_TOO_LARGE = 413, "Request Entity Too Large";
    URI_TOO_LONG = 414, "Request-URI Too Long";
    UNSUPPORTED_MEDIA_TYPE = 415, "Unsupported Media Type";
    RANGE_NOT_SATISFIABLE = 416, "Requested Range Not Satisfiable";
    EXPECTATION_FAILED = 417, "Expectation Failed";
    TEAPOT = 418, "I'm A Teapot";
    MISDIRECTED_REQUEST = 421, "Misdirected Request";
    UNPROCESSABLE_CONTENT = 422, "Unprocessable Entity";
    LOCKED = 423, "Locked";
    FAILED_DEPENDENCY = 424, "Failed Dependency";
    TOO_EARLY = 425, "Too Early";
    UPGRADE_REQUIRED = 426, "Upgrade Required";
    PRECONDITION_REQUIRED = 428, "Precondition Required";
    TOO_MANY_REQUESTS = 429, "Too Many Requests";
    HEADER_FIELDS_TOO_LARGE = 431, "Request Header Fields Too Large";
    UNAVAILABLE_FOR_LEGAL_REASONS = 451, "Unavailable For Legal Reasons";
    INTERNAL_SERVER_ERROR = 500, "Internal Server Error";
    NOT_IMPLEMENTED = 501, "Not Implemented";
    BAD_GATEWAY = 502, "Bad Gateway";
    SERVICE_UNAVAILABLE = 503, "Service Unavailable";
    GATEWAY_TIMEOUT = 504, "Gateway Timeout";
    HTTP_VERSION_NOT_SUPPORTED = 505, "HTTP Version Not Supported";
    VARIANT_ALSO_NEGOTIATES = 506, "Variant Also Negotiates";
    INSUFFICIENT_STORAGE = 507, "Insufficient Storage";
    LOOP_DETECTED = 508, "Loop Detected";
    NOT_EXTENDED = 510, "Not Extended";
    NETWORK_AUTHENTICATION_REQUIRED = 511, "Network Authentication Required";
}

/// The reason phrase of a known status.
pub fn reason(status: u16) -> Option<&'static str> {
    let at = REASONS
        .binary_search_by_key(&status, |(code, _)| *code)
        .ok()?;
    REASONS.get(at).map(|(_, reason)| *reason)
}

/// Appends what [`line`] gives, which each response needs.
pub fn push_line(out: &mut Vec<u8>, status: u16) {
    super::decimal::push(out, u64::from(status));
    if let Some(reason) = reason(status) {
        out.push(b' ');
        out.extend_from_slice(reason.as_bytes());
    }
}

/// `404 Not Found`; only the number where we do not know the status.
pub fn line(status: u16) -> String {
    match reason(status) {
        Some(reason) => format!("{status} {reason}"),
        None => status.to_string(),
    }
}

/// Whether it is an interim answer, 1xx.
pub const fn is_informational(status: u16) -> bool {
    status >= 100 && status < 200
}

/// Whether it is a success, 2xx.
pub const fn is_success(status: u16) -> bool {
    status >= 200 && status < 300
}

/// Whether it sends the client elsewhere: 3xx, with 304 as Apache counts.
pub const fn is_redirect(status: u16) -> bool {
    status >= 300 && status < 400
}

/// Whether it is an error, 4xx or 5xx.
pub const fn is_error(status: u16) -> bool {
    status >= 400 && status < 600
}

/// Whether the answer never has a body, whatever its header says (RFC 9112 section 6.3): 1xx, 204 and 304.
pub const fn is_header_only(status: u16) -> bool {
    is_informational(status) || matches!(status, NO_CONTENT | NOT_MODIFIED)
}

/// Whether the connection is closed after the answer, since the rest of the request cannot be relied on.
pub const fn drops_connection(status: u16) -> bool {
    matches!(
        status,
        BAD_REQUEST
            | REQUEST_TIMEOUT
            | LENGTH_REQUIRED
            | CONTENT_TOO_LARGE
            | URI_TOO_LONG
            | EXPECTATION_FAILED
            | INTERNAL_SERVER_ERROR
            | NOT_IMPLEMENTED
            | SERVICE_UNAVAILABLE
            | HTTP_VERSION_NOT_SUPPORTED
    )
}

/// What the built-in page of a status says below its heading, as HTML. Statuses that have nothing of their own to say
/// get a sentence for their class. `location`, escaped already, stands in pages that send the client elsewhere.
pub fn explanation(status: u16, location: Option<&str>) -> String {
    if let Some(location) = location.filter(|_| is_redirect(status)) {
        return format!("<p>What you asked for is found <a href=\"{location}\">here</a>.</p>\n");
    }
    format!("<p>{}</p>\n", sentence(status))
}

fn sentence(status: u16) -> &'static str {
    match status {
        BAD_REQUEST => "This server could not make sense of what your client sent.",
        UNAUTHORIZED => "Who you are could not be established: either no name and password were sent, or they are not right, or your client does not know how to send them.",
        FORBIDDEN => "You are not allowed to see this.",
        NOT_FOUND => "There is nothing at this address.",
        METHOD_NOT_ALLOWED => "This method cannot be used at this address.",
        NOT_ACCEPTABLE => "There is no version of this that your client says it accepts.",
        PROXY_AUTHENTICATION_REQUIRED => "The proxy wants to know who you are first.",
        REQUEST_TIMEOUT => "The request took too long to arrive.",
        CONFLICT => "The request does not fit the present state of what it is about.",
        GONE => "What was at this address is gone for good. Please remove links to it.",
        LENGTH_REQUIRED => "The request must say how long its body is.",
        PRECONDITION_FAILED => "A condition that the request made does not hold.",
        CONTENT_TOO_LARGE => "The request's body is larger than this server accepts here.",
        URI_TOO_LONG => "The address is longer than this server accepts.",
        UNSUPPORTED_MEDIA_TYPE => "The request's body is of a kind that is not accepted here.",
        RANGE_NOT_SATISFIABLE => "None of the ranges asked for lies within what is at this address.",
        EXPECTATION_FAILED => "The request expects something that this server does not do.",
        MISDIRECTED_REQUEST => "This connection is not one on which requests for this host are answered.",
        UNPROCESSABLE_CONTENT => "The request is well formed, but what it says cannot be done.",
        LOCKED => "What the request is about is locked.",
        FAILED_DEPENDENCY => "Another action this one needs has failed.",
        TOO_EARLY => "The request came before it was safe to act on it.",
        UPGRADE_REQUIRED => "This can only be had over another protocol, which the Upgrade field names.",
        PRECONDITION_REQUIRED => "The request must make a condition here.",
        TOO_MANY_REQUESTS => "Too many requests came from you in a short time.",
        HEADER_FIELDS_TOO_LARGE => "The request's header is larger than this server accepts.",
        UNAVAILABLE_FOR_LEGAL_REASONS => "This is withheld for legal reasons.",
        INTERNAL_SERVER_ERROR => "Something went wrong inside this server. Its error log may say more.",
        NOT_IMPLEMENTED => "This server does not know how to do that.",
        BAD_GATEWAY => "The server behind this one gave an answer that could not be used.",
        SERVICE_UNAVAILABLE => "This server cannot answer at present, for maintenance or too much work. Please try again later.",
        GATEWAY_TIMEOUT => "The server behind this one did not answer in time.",
        HTTP_VERSION_NOT_SUPPORTED => "This server does not speak the protocol version of the request.",
        VARIANT_ALSO_NEGOTIATES => "The versions of this refer to each other.",
        INSUFFICIENT_STORAGE => "There is no room to store this.",
        LOOP_DETECTED => "The request would go round in circles.",
        status if is_redirect(status) => "What you asked for is to be found in another place.",
        status if is_success(status) => "The request was carried out.",
        status if status >= 500 => "This server could not do what was asked.",
        _ => "The request could not be answered.",
    }
}

/// The built-in error page: the title `404 Not Found`, the heading `Not Found`, then `explanation`, then whatever the caller adds (a
/// signature) in `foot`.
pub fn page(status: u16, location: Option<&str>, foot: &str) -> String {
    let line = line(status);
    let title = reason(status).unwrap_or(&line);
    let text = explanation(status, location);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head>\n<title>{line}</title>\n</head><body>\n<h1>{title}</h1>\n{text}{foot}</body></html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_sorted_and_found() {
        assert!(REASONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for &(status, text) in REASONS {
            assert_eq!(reason(status), Some(text));
        }
        assert_eq!(
            (reason(299), line(299), line(404)),
            (None, "299".into(), "404 Not Found".into())
        );
        let mut pushed = Vec::new();
        push_line(&mut pushed, 404);
        push_line(&mut pushed, 299);
        assert_eq!(pushed, b"404 Not Found299");
    }

    #[test]
    fn pages() {
        let page = page(NOT_FOUND, None, "<hr>\n<address>x</address>\n");
        assert!(
            page.contains("<title>404 Not Found</title>") && page.contains("<h1>Not Found</h1>")
        );
        assert!(page.contains("<address>x</address>\n</body>"));
        assert!(explanation(MOVED_PERMANENTLY, Some("/a&amp;b")).contains("href=\"/a&amp;b\""));
        for &(status, _) in REASONS {
            assert!(explanation(status, None).len() > 20);
        }
    }

    #[test]
    fn classes() {
        assert!(
            is_header_only(304)
                && is_header_only(204)
                && is_header_only(100)
                && !is_header_only(200)
        );
        assert!(
            drops_connection(400)
                && drops_connection(414)
                && !drops_connection(404)
                && !drops_connection(416)
        );
    }
}
