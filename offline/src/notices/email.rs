//! A notice as mail: plain text and HTML, by SMTP.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lettre::message::MultiPart;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use shared::contract::complaint::complaint;

use super::Notice;
use super::channels::Mail;
use super::config::MailTls;
use super::send::Failure;
use super::text::{html, plain, subject};

/// Sends a notice.
///
/// * `ca`: certificates of authorities in PEM, beside those of the system; empty for none.
///
/// # Errors
/// [`Failure::Never`] for what the server refuses for good, else [`Failure::Later`].
pub async fn send(mail: &Mail, notice: &Notice, timeout: Duration, ca: &Path) -> Result<(), Failure> {
    let message = message(mail, notice).map_err(|error| Failure::Never(error.to_string()))?;
    let tls = tls(mail, ca)?;
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.host)
        .port(mail.port)
        .tls(tls)
        .timeout(Some(timeout));
    if let Some((user, password)) = &mail.login {
        builder = builder.credentials(Credentials::new(user.expose().to_owned(), password.expose().to_owned()));
    }
    builder.build().send(message).await.map(|_| ()).map_err(|error| failure(&error))
}

fn failure(error: &Error) -> Failure {
    let text = complaint(error);
    // A password that is refused may be put right; an address that is refused stays so.
    let for_good =
        error.status().is_some_and(|code| ["550", "551", "552", "553", "554"].contains(&code.to_string().as_str()));
    if for_good { Failure::Never(text) } else { Failure::Later(text, None) }
}

fn tls(mail: &Mail, ca: &Path) -> Result<Tls, Failure> {
    if mail.tls == MailTls::None {
        return Ok(Tls::None);
    }
    let later = |text: String| Failure::Later(text, None);
    let mut parameters = TlsParameters::builder(mail.host.clone());
    if !ca.as_os_str().is_empty() {
        let pem = fs::read(ca).map_err(|error| later(format!("notices.ca {}: {error}", ca.display())))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| later(format!("notices.ca: {error}")))?;
        parameters = parameters.add_root_certificate(certificate);
    }
    let parameters = parameters.build_rustls().map_err(|error| later(error.to_string()))?;
    Ok(match mail.tls {
        MailTls::Implicit => Tls::Wrapper(parameters),
        _ => Tls::Required(parameters),
    })
}

fn message(mail: &Mail, notice: &Notice) -> Result<Message, lettre::error::Error> {
    let subject: String = subject(notice).chars().filter(|character| !character.is_control()).collect();
    let domain = mail.from.email.domain();
    let mut builder = Message::builder()
        .from(mail.from.clone())
        .subject(subject)
        .message_id(Some(format!("<{}@{domain}>", notice.id)));
    for to in &mail.to {
        builder = builder.to(to.clone());
    }
    // Nobody's holiday answers it.
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    builder = builder.raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
    builder.multipart(MultiPart::alternative_plain_html(plain(notice), html(notice)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::Kind;
    use crate::notices::samples::sample;

    #[test]
    fn a_mail_has_both_texts_an_id_and_no_line_of_its_subject_is_a_header() {
        let mail = Mail {
            host: "localhost".to_owned(),
            port: 25,
            tls: MailTls::None,
            login: None,
            from: "Tandem <tandem@shop.example>".parse().expect("an address"),
            to: vec!["ops@shop.example".parse().expect("an address")],
        };
        let notice = Notice { job: "a\r\nBcc: b@c.example".to_owned(), ..sample(Kind::Timeout) };
        let bytes = message(&mail, &notice).expect("a mail").formatted();
        let text = String::from_utf8(bytes).expect("text");
        let head = text.split("\r\n\r\n").next().expect("headers");
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(head.contains("Message-ID: <r20261127-013000-3f9a-timeout@shop.example>"), "{head}");
        assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
        assert!(text.contains("text/plain") && text.contains("text/html") && text.contains("its timeout"), "{text}");
    }
}
