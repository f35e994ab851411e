#include "csm/hub/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::hub {
namespace {

constexpr long kConnectSeconds = 30;
constexpr long kStallSeconds = 60;  // without a byte
constexpr std::size_t kMaxHeaders = 200;
constexpr std::size_t kMaxHeader = 16UL << 10U;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) !=
                              std::string_view::npos) {
    text.remove_suffix(1);
  }
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  return text;
}

// One transfer, as libcurl's callbacks see it.
struct Transfer {
  CURL* curl;
  const HttpClient::Stop& stop;
  const HttpClient::Sink& sink;
  Response response;
};

std::size_t on_header(char* data, std::size_t, std::size_t n, void* user) {
  auto& response = static_cast<Transfer*>(user)->response;
  const std::string_view line = trimmed({data, n});
  if (line.starts_with("HTTP/")) response.headers.clear();  // 100, then 200
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || n > kMaxHeader ||
      response.headers.size() >= kMaxHeaders) {
    return n;
  }
  response.headers[lower(line.substr(0, colon))] =
      trimmed(line.substr(colon + 1));
  return n;
}

std::size_t on_body(char* data, std::size_t, std::size_t n, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  long status = 0;
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
  transfer.response.status = static_cast<int>(status);
  if (!transfer.response.ok()) return n;
  const bool wanted =
      transfer.sink(transfer.response, std::as_bytes(std::span(data, n)));
  if (!wanted) transfer.response.stopped = true;
  return wanted ? n : 0;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (!transfer.stop()) return 0;
  transfer.response.stopped = true;
  return 1;
}

bool is_hopeless(CURLcode result) {
  return result == CURLE_PEER_FAILED_VERIFICATION ||
         result == CURLE_SSL_CACERT_BADFILE ||
         result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_URL_MALFORMAT;
}

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

List list_of(const std::vector<std::string>& lines) {
  List out;
  for (const std::string& line : lines) {
    curl_slist* longer = curl_slist_append(out.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    (void)out.release();
    out.reset(longer);
  }
  return out;
}

void set_options(CURL* curl, const Request& request, Transfer& transfer,
                 const List& headers) {
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOBODY, request.head ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "csm");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
}

}  // namespace

std::string Response::header(const std::string& name) const {
  const auto it = headers.find(name);
  return it == headers.end() ? std::string() : it->second;
}

std::optional<std::uint64_t> Response::number(
    const std::string& header_name) const {
  const std::string text = header(header_name);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

struct HttpClient::Impl {
  struct Free {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  Stop stop;
  std::unique_ptr<CURL, Free> curl{curl_easy_init()};
};

HttpClient::HttpClient(Stop stop) : impl_(std::make_unique<Impl>()) {
  impl_->stop = std::move(stop);
  if (!impl_->curl) {
    throw Error(ErrorCode::kBackend, "[hub.http] libcurl does not start");
  }
}

HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Response HttpClient::send(const Request& request, const Sink& sink) {
  CURL* curl = impl_->curl.get();
  Transfer transfer{curl, impl_->stop, sink, {}};
  const List headers = list_of(request.headers);
  set_options(curl, request, transfer, headers);
  const CURLcode result = curl_easy_perform(curl);
  Response& response = transfer.response;
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  const char* redirect = nullptr;
  curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &redirect);
  if (redirect != nullptr) response.redirect = redirect;
  if (result != CURLE_OK) {
    response.failure = printable(curl_easy_strerror(result));
    response.hopeless = is_hopeless(result);
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, nullptr);  // the list ends here
  return std::move(response);
}

std::string origin_of(const std::string& url) {
  struct Free {
    void operator()(CURLU* parts) const { curl_url_cleanup(parts); }
  };
  const std::unique_ptr<CURLU, Free> parts(curl_url());
  if (!parts ||
      curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return "";
  }
  std::string out;
  for (const auto& [part, before] :
       {std::pair(CURLUPART_SCHEME, ""), std::pair(CURLUPART_HOST, "://"),
        std::pair(CURLUPART_PORT, ":")}) {
    char* text = nullptr;
    if (curl_url_get(parts.get(), part, &text, CURLU_DEFAULT_PORT) !=
        CURLUE_OK) {
      return "";
    }
    out += str_cat(before, lower(text));
    curl_free(text);
  }
  return out;
}

}  // namespace csm::hub
