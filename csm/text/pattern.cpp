#define PCRE2_CODE_UNIT_WIDTH 8
#include "csm/text/pattern.h"

#include <pcre2.h>

#include <array>
#include <cstdint>
#include <utility>

#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/text/regex_syntax.h"

namespace csm::text {
namespace {

constexpr std::size_t kMaxPatternBytes = 64 * 1024;
// A run of n spaces costs up to n backtracks in one match; texts are at most
// a few million bytes.
constexpr std::uint32_t kMatchLimit = 50'000'000;
constexpr std::uint32_t kHeapLimitKib = 64 * 1024;
constexpr std::size_t kJitStackBytes = 256 * 1024;

struct Free {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_compile_context* p) const {
    pcre2_compile_context_free(p);
  }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  void operator()(pcre2_jit_stack* p) const { pcre2_jit_stack_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

template <class T>
Owned<T> owned(T* p) {
  if (p == nullptr) {
    throw Error(ErrorCode::kExhausted,
                "[text.pattern] expected memory for a regex, got none");
  }
  return Owned<T>(p);
}

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(error, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

Owned<pcre2_code> compile(std::string_view source, std::uint32_t options,
                          const std::string& origin) {
  const auto context =
      owned<pcre2_compile_context>(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  Owned<pcre2_code> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                    options, &error, &offset, context.get()));
  if (code == nullptr) {
    throw Error(ErrorCode::kCorrupt,
                str_cat("[text.pattern] expected a valid regex, got: ",
                        message_of(error), " (", origin, ")"));
  }
  // Without a JIT for this platform the interpreter gives the same matches.
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  return code;
}

}  // namespace

class Pattern::Code {
 public:
  Code(Owned<pcre2_code> code, std::string origin)
      : code_(std::move(code)), origin_(std::move(origin)) {}

  [[nodiscard]] const pcre2_code* get() const { return code_.get(); }
  [[nodiscard]] const std::string& origin() const { return origin_; }

 private:
  Owned<pcre2_code> code_;
  std::string origin_;
};

Pattern::Pattern(std::shared_ptr<const Code> code) : code_(std::move(code)) {}

Pattern Pattern::regex(std::string_view source, const std::string& origin) {
  if (source.size() > kMaxPatternBytes) {
    throw Error(
        ErrorCode::kUnsupported,
        str_cat("[text.pattern] expected a regex of at most ", kMaxPatternBytes,
                " bytes, got ", source.size(), " (", origin, ")"));
  }
  auto code = compile(to_pcre2(source, origin),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, origin);
  std::uint32_t matches_empty = 0;
  pcre2_pattern_info(code.get(), PCRE2_INFO_MATCHEMPTY, &matches_empty);
  if (matches_empty != 0) {
    throw Error(ErrorCode::kUnsupported,
                str_cat("[text.pattern] expected a regex that matches at least "
                        "one character, got one that matches none (",
                        origin, ")"));
  }
  return Pattern(std::make_shared<const Code>(std::move(code), origin));
}

Pattern Pattern::literal(std::string_view source, const std::string& origin) {
  if (source.empty()) {
    throw Error(
        ErrorCode::kCorrupt,
        str_cat("[text.pattern] expected a pattern, got an empty text (",
                origin, ")"));
  }
  return Pattern(std::make_shared<const Code>(
      compile(source, PCRE2_UTF | PCRE2_LITERAL, origin), origin));
}

void Pattern::split(std::string_view text,
                    std::vector<std::string_view>& pieces) const {
  const auto context =
      owned<pcre2_match_context>(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(context.get(), kMatchLimit);
  pcre2_set_heap_limit(context.get(), kHeapLimitKib);
  const Owned<pcre2_jit_stack> stack(
      pcre2_jit_stack_create(32 * 1024, kJitStackBytes, nullptr));
  if (stack != nullptr) {
    pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }
  const auto match = owned<pcre2_match_data>(
      pcre2_match_data_create_from_pattern(code_->get(), nullptr));
  const PCRE2_SIZE* const range = pcre2_get_ovector_pointer(match.get());
  std::size_t done = 0;
  while (done < text.size()) {
    // The text was checked as a whole; PCRE2 would check it for every match.
    const int found = pcre2_match(
        code_->get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
        done, PCRE2_NO_UTF_CHECK, match.get(), context.get());
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) {
      throw Error(ErrorCode::kUnsupported,
                  str_cat("[text.pattern] expected a text within the matching "
                          "limits, got: ",
                          message_of(found), " (", code_->origin(), ")"));
    }
    CSM_CHECK(range[0] >= done && range[1] > range[0],
              "match without progress");
    if (range[0] > done) pieces.push_back(text.substr(done, range[0] - done));
    pieces.push_back(text.substr(range[0], range[1] - range[0]));
    done = range[1];
  }
  if (done < text.size()) pieces.push_back(text.substr(done));
}

}  // namespace csm::text
