#include "csm/hub/patience.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <thread>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::hub {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kFirstWait(500);
constexpr seconds kLongestWait(300);

std::string problem(const Response& response) {
  if (!response.failure.empty() || response.status == 0) {
    return response.failure;
  }
  const int status = response.status;
  const char* words = status == 429   ? ", too many requests"
                      : status == 408 ? ", too slow"
                      : status >= 500 ? ", trouble of the server"
                                      : ", an answer that ends early";
  return str_cat("status ", status, words);
}

}  // namespace

std::optional<seconds> retry_after(const std::string& header,
                                   std::chrono::system_clock::time_point now) {
  int number = 0;
  const auto [end, error] =
      std::from_chars(header.data(), header.data() + header.size(), number);
  if (error == std::errc() && end == header.data() + header.size()) {
    if (number < 0) return std::nullopt;
    return seconds(number);
  }
  const std::time_t date = curl_getdate(header.c_str(), nullptr);
  if (header.empty() || date < 0) return std::nullopt;
  const auto wait = std::chrono::system_clock::from_time_t(date) - now;
  return std::max(std::chrono::ceil<seconds>(wait), seconds(0));
}

bool Patience::may_help(const Response& response) {
  constexpr int kStatuses[] = {408, 429, 500, 502, 503, 504};
  return !response.hopeless &&
         (!response.failure.empty() ||
          std::find(std::begin(kStatuses), std::end(kStatuses),
                    response.status) != std::end(kStatuses));
}

bool Patience::wait(const Response& response, const std::string& where) {
  const auto asked = retry_after(response.header("retry-after"),
                                 std::chrono::system_clock::now());
  if (used_ >= tries_ || (asked && *asked > kLongestWait)) {
    throw Error(
        ErrorCode::kBackend,
        str_cat(
            "[hub] expected an answer, got ", problem(response), ", ",
            used_ + 1, " times",
            asked ? str_cat(", to ask again in ", asked->count(), " s") : "",
            " (", where, ")"));
  }
  milliseconds left = kFirstWait * (1 << std::min(used_, 6));
  if (asked) left = std::max(left, milliseconds(*asked));
  ++used_;
  observer_.note(str_cat(problem(response), ": again in ",
                         (left.count() + 999) / 1000, " s, ", used_, " of ",
                         tries_, " (", where, ")"));
  constexpr milliseconds kLook(50);
  for (; left.count() > 0; left -= kLook) {
    if (observer_.stop()) return false;
    std::this_thread::sleep_for(std::min(left, kLook));
  }
  return true;
}

}  // namespace csm::hub
