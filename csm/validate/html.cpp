#include "csm/validate/html.h"

#include <cstdint>

#include "csm/base/str_cat.h"

namespace csm::validate {
namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--page:#f6f8fa;--card:#ffffff;--text:#1f2933;
--quiet:#52606d;--line:#dde3ea;--good:#0a7a4b;--bad:#b3261e;--accent:#0072b2}
@media (prefers-color-scheme:dark){:root{--page:#0d1117;--card:#161b22;
--text:#e6edf3;--quiet:#9aa7b4;--line:#2f3742;--good:#3fcf9f;--bad:#ff8a80;
--accent:#56b4e9}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);
font:16px/1.5 system-ui,"DejaVu Sans",sans-serif}
main{max-width:1000px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:1.6rem;margin:0 0 4px}h2{font-size:1.2rem;margin:36px 0 10px}
p{margin:6px 0}.quiet{color:var(--quiet)}
.verdict{display:inline-block;font-weight:700;padding:2px 12px;
border-radius:99px;border:2px solid currentColor;margin:10px 0}
.good{color:var(--good)}.bad{color:var(--bad)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));
gap:12px;margin:16px 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:12px 14px}.tile b{display:block;font-size:1.45rem;line-height:1.3}
.tile span{color:var(--quiet);font-size:.88rem}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);
border-radius:10px}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{padding:6px 12px;text-align:right;white-space:nowrap;
border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
tr:last-child td{border-bottom:0}
th:first-child,td:first-child{text-align:left}
td.text,th.text{text-align:left;white-space:normal}
th{color:var(--quiet);font-weight:600;white-space:normal;
vertical-align:bottom}
figure{margin:16px 0;background:var(--card);border:1px solid var(--line);
border-radius:10px;padding:10px;overflow:hidden}
figure img{display:block;width:100%;height:auto}
@media (max-width:640px){h1{font-size:1.35rem}
.tiles{grid-template-columns:1fr 1fr;gap:8px}.tile{padding:8px 10px}
figure{padding:6px}}
a{color:var(--accent)}
figcaption{color:var(--quiet);font-size:.9rem;padding:8px 4px 2px}
)";

}  // namespace

std::string html_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t idx = 0; idx < bytes.size(); idx += 3) {
    std::uint32_t group = 0;
    const std::size_t n = bytes.size() - idx < 3 ? bytes.size() - idx : 3;
    for (std::size_t i = 0; i < 3; ++i) {
      const auto byte = i < n ? static_cast<unsigned char>(bytes[idx + i]) : 0U;
      group = (group << 8U) | byte;
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= n ? kDigits[(group >> (18U - 6U * i)) & 63U] : '=';
    }
  }
  return out;
}

std::string html_table(const std::vector<std::vector<std::string>>& lines) {
  std::string out = "<div class=\"scroll\"><table>\n";
  const char* tag = "th";
  for (const auto& line : lines) {
    out += "<tr>";
    for (const std::string& cell : line) {
      out += str_cat("<", tag, ">", cell, "</", tag, ">");
    }
    out += "</tr>\n";
    tag = "td";
  }
  return out + "</table></div>\n";
}

std::string page_head(const std::string& title) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
         "\n<meta name=\"viewport\" content=\"width=device-width, "
         "initial-scale=1\">\n<title>" +
         html_escape(title) + "</title>\n<style>" + kStyle +
         "</style>\n</head>\n<body>\n<main>\n";
}

}  // namespace csm::validate
