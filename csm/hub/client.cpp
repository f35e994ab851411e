#include "csm/hub/client.h"

#include <algorithm>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::hub {
namespace {

constexpr std::size_t kMaxListing = 32UL << 20U;
constexpr std::uint64_t kMaxFile = 1ULL << 50U;
constexpr int kMaxHops = 10;
constexpr int kRangeNotSatisfiable = 416;

// Without W/ and quotes, as huggingface_hub names blobs.
std::string plain_etag(std::string etag) {
  if (etag.starts_with("W/")) etag.erase(0, 2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return etag;
}

std::string etag_of(const Response& response) {
  const std::string linked = response.header("x-linked-etag");
  return plain_etag(linked.empty() ? response.header("etag") : linked);
}

bool can_name_a_blob(const std::string& etag) {
  constexpr std::size_t kMax = 128;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !etag.empty() && etag.size() <= kMax && etag.front() != '.' &&
         std::all_of(etag.begin(), etag.end(), fits);
}

std::optional<std::uint64_t> size_of(const Response& response) {
  if (response.header("x-linked-size").empty()) return response.length();
  return response.number("x-linked-size");
}

bool is_this_machine(const std::string& origin) {
  return origin.starts_with("http://localhost:") ||
         origin.starts_with("http://127.") ||
         origin.starts_with("http://[::1]:");
}

[[noreturn]] void corrupt(const std::string& what, const std::string& where) {
  throw Error(ErrorCode::kCorrupt, str_cat("[hub] ", what, " (", where, ")"));
}

bool is_redirect(const Response& response) {
  return response.status >= 300 && response.status < 400 &&
         !response.redirect.empty();
}

}  // namespace

Client::Client(const Settings& settings, const Repository& repository,
               int retries, const Observer& observer)
    : settings_(settings),
      repository_(repository),
      retries_(retries),
      observer_(observer),
      http_(observer.stop),
      origin_(origin_of(settings.endpoint)),
      token_may_go_(
          !settings.token.empty() &&
          (origin_.starts_with("https://") || is_this_machine(origin_))) {
  if (!settings.token.empty() && !token_may_go_) {
    observer.note(str_cat("the token is not sent to ", settings.endpoint,
                          ": only https keeps it secret"));
  }
}

bool Client::is_own(const std::string& url) const {
  return origin_of(url) == origin_;
}

std::vector<std::string> Client::headers(const std::string& url) const {
  // Lengths and digests are those of the bytes as they lie on the hub.
  std::vector<std::string> out = {"Accept-Encoding: identity"};
  if (token_may_go_ && is_own(url)) {
    out.push_back("Authorization: Bearer " + settings_.token);
  }
  return out;
}

std::string Client::next_place(const Response& response, const std::string& url,
                               int n_hops) const {
  if (n_hops >= kMaxHops) {
    corrupt(str_cat("expected at most ", kMaxHops, " redirects"), url);
  }
  const std::string origin = origin_of(response.redirect);
  const bool downgrade =
      url.starts_with("https://") && !origin.starts_with("https://");
  if (origin.empty() || downgrade) {
    corrupt(str_cat("expected a redirect to an https address, got '",
                    printable(response.redirect), "'"),
            url);
  }
  return response.redirect;
}

void Client::refuse_access(const Response& response) const {
  const std::string page = settings_.endpoint + "/" + repository_.id();
  if (response.header("x-error-code") == "GatedRepo") {
    throw Error(
        ErrorCode::kInvalidArgument,
        str_cat("[hub] ", repository_.id(), " is gated: visit ", page,
                ", accept its conditions",
                settings_.token.empty()
                    ? ", and set HF_TOKEN to a token of that account (" +
                          settings_.endpoint + "/settings/tokens)"
                    : " with the account of your token",
                " (status ", response.status, ")"));
  }
  throw Error(
      ErrorCode::kInvalidArgument,
      str_cat("[hub] expected leave to read ", repository_.id(),
              ", got status ", response.status,
              settings_.token.empty()
                  ? ": there is no such repository, or it needs a token "
                    "(HF_TOKEN)"
                  : ": there is no such repository, or your token may not "
                    "read it",
              " (", page, ")"));
}

void Client::refuse(const Response& response, const std::string& what) const {
  if (response.status == 401 || response.status == 403) {
    refuse_access(response);
  }
  if (response.status == 404) {
    const std::string code = response.header("x-error-code");
    throw Error(
        ErrorCode::kNotFound,
        str_cat("[hub] ",
                code == "RevisionNotFound"
                    ? str_cat("expected a revision of ", repository_.id(),
                              ", got '", repository_.revision, "'")
                    : str_cat("expected ", what, " of ", repository_.id(),
                              ", the hub has none"),
                " (", settings_.endpoint, ", status 404)"));
  }
  throw Error(
      ErrorCode::kBackend,
      str_cat("[hub] expected ", what, " of ", repository_.id(), ", got ",
              response.failure.empty() ? str_cat("status ", response.status)
                                       : response.failure,
              " (", settings_.endpoint, ")"));
}

std::optional<std::string> Client::text(const std::string& url) {
  Patience patience = this->patience();
  std::string place = url;
  for (int n_hops = 0;;) {
    std::string body;
    const Response response =
        http_.send({.url = place, .head = false, .headers = headers(place)},
                   [&](const Response&, std::span<const std::byte> bytes) {
                     body.append(reinterpret_cast<const char*>(bytes.data()),
                                 bytes.size());
                     return body.size() <= kMaxListing;
                   });
    if (body.size() > kMaxListing) {
      corrupt(str_cat("expected at most ", kMaxListing, " bytes"), place);
    }
    if (response.stopped) return std::nullopt;
    if (is_redirect(response)) {
      place = next_place(response, place, n_hops++);
    } else if (Patience::may_help(response)) {
      if (!patience.wait(response, place)) return std::nullopt;
    } else if (!response.ok()) {
      refuse(response, "the repository");
    } else {
      return body;
    }
  }
}

std::optional<Listing> Client::list() {
  const std::string url = str_cat(
      settings_.endpoint, "/api/models/", repository_.id(), "/revision/",
      url_escape(repository_.revision, /*keep_slashes=*/false));
  const auto body = text(url);
  if (!body) return std::nullopt;
  const Json json = parse_json(*body, url);
  const JsonObject object(json, url);
  Listing out;
  out.commit = object.string("sha");
  if (!is_commit(out.commit)) object.fail("sha", "a commit of 40 hex digits");
  if (!object.has("siblings") || !json["siblings"].is_array()) {
    object.fail("siblings", "a list of files");
  }
  for (const Json& sibling : json["siblings"]) {
    std::string name = JsonObject(sibling, url).string("rfilename");
    if (!is_safe_path(name)) {
      corrupt(str_cat("expected names of files inside the repository, got '",
                      printable(name), "'"),
              url);
    }
    out.names.push_back(std::move(name));
  }
  std::sort(out.names.begin(), out.names.end());
  return out;
}

std::optional<RemoteFile> Client::file(const std::string& commit,
                                       const std::string& name) {
  RemoteFile out;
  out.name = name;
  out.url = str_cat(settings_.endpoint, "/", repository_.id(), "/resolve/",
                    commit, "/", url_escape(name, /*keep_slashes=*/true));
  Patience patience = this->patience();
  std::string place = out.url;
  for (int n_hops = 0;;) {
    const Response response = http_.send(
        {.url = place, .head = true, .headers = headers(place)},
        [](const Response&, std::span<const std::byte>) { return true; });
    if (response.stopped) return std::nullopt;
    const bool moved = is_redirect(response);
    if (moved && is_own(response.redirect)) {
      place = next_place(response, place, n_hops++);
      continue;
    }
    if (Patience::may_help(response)) {
      if (!patience.wait(response, place)) return std::nullopt;
      continue;
    }
    if (!response.ok() && !moved) refuse(response, printable(name));
    out.etag = etag_of(response);
    if (!can_name_a_blob(out.etag)) {
      corrupt(str_cat("expected an ETag, got '", printable(out.etag), "'"),
              place);
    }
    // A redirect's own length is not that of the file.
    const auto bytes = moved && response.header("x-linked-size").empty()
                           ? std::nullopt
                           : size_of(response);
    if (!bytes || *bytes > kMaxFile) corrupt("expected a length", place);
    out.bytes = *bytes;
    return out;
  }
}

Contents Client::get(const RemoteFile& file, std::uint64_t from,
                     const std::string& foreign_etag, const Sink& sink) {
  Contents contents;
  std::string place = file.url;
  for (int n_hops = 0;;) {
    const bool own = is_own(place);
    std::vector<std::string> lines = headers(place);
    if (from > 0) {
      lines.push_back(str_cat("Range: bytes=", from, "-"));
      const std::string& etag = own ? file.etag : foreign_etag;
      if (!etag.empty()) lines.push_back(str_cat("If-Range: \"", etag, "\""));
    }
    const auto note = [&](const Response& response) {
      if (!own) {
        contents.foreign_etag = plain_etag(response.header("etag"));
      } else if (!is_redirect(response) ||
                 !response.header("x-linked-etag").empty()) {
        contents.etag = etag_of(response);
      }
    };
    bool begun = false;
    contents.response = http_.send(
        {.url = place, .head = false, .headers = lines},
        [&](const Response& answer, std::span<const std::byte> bytes) {
          if (!begun) {
            note(answer);
            contents.response = answer;
          }
          begun = true;
          return sink(contents, bytes);
        });
    const Response& response = contents.response;
    if (response.status != 0) note(response);
    if (is_redirect(response)) {
      place = next_place(response, place, n_hops++);
      continue;
    }
    if (!response.ok() && !response.stopped && !Patience::may_help(response) &&
        response.status != kRangeNotSatisfiable) {
      refuse(response, printable(file.name));
    }
    return contents;
  }
}

}  // namespace csm::hub
