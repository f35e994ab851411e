#include "csm/hub/download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "csm/base/digest.h"
#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/hub/repository.h"

namespace csm::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSha1Digits = 40;
constexpr std::size_t kSha256Digits = 64;
constexpr int kRangeNotSatisfiable = 416;
constexpr int kPartial = 206;

// The file that a download writes to; what it holds already, and its digest.
class IncompleteFile {
 public:
  IncompleteFile(fs::path path, const RemoteFile& file)
      : path_(std::move(path)), file_(file) {
    constexpr mode_t kMode = 0666;
    fd_ =
        ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode);
    if (fd_ < 0) fail();
    begin();
    if (!read_what_is_here()) restart();
  }
  ~IncompleteFile() { ::close(fd_); }
  IncompleteFile(const IncompleteFile&) = delete;
  IncompleteFile& operator=(const IncompleteFile&) = delete;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] bool complete() const { return size_ == file_.bytes; }

  void restart() {
    if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0) fail();
    size_ = 0;
    begin();
  }

  void append(std::span<const std::byte> bytes) {
    if (digest_) digest_->add(bytes);
    size_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail();
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }

  /// Whether the contents are those that the ETag stands for, once complete.
  [[nodiscard]] bool right() {
    return !digest_ || digest_->hex() == file_.etag;
  }

  void move_to(const fs::path& blob) {
    if (::fsync(fd_) != 0 || ::rename(path_.c_str(), blob.c_str()) != 0) {
      fail();
    }
  }

  void remove() const { ::unlink(path_.c_str()); }

 private:
  [[noreturn]] void fail() const {
    throw Error(ErrorCode::kExhausted,
                str_cat("[hub.download] cannot write: ", std::strerror(errno),
                        " (", path_.string(), ")"));
  }

  void begin() {
    digest_.reset();
    if (is_hex(file_.etag, kSha256Digits)) {
      digest_.emplace(Digest::Kind::kSha256);
    } else if (is_hex(file_.etag, kSha1Digits)) {
      digest_.emplace(Digest::Kind::kSha1);
      std::string head = str_cat("blob ", file_.bytes);
      head.push_back('\0');
      digest_->add(std::as_bytes(std::span(head)));
    }
  }

  // False if it cannot be the beginning of the file.
  bool read_what_is_here() {
    constexpr std::size_t kBlock = 1UL << 18U;
    std::vector<std::byte> block(kBlock);
    while (true) {
      const ssize_t n = ::read(fd_, block.data(), block.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail();
      if (n == 0) return true;
      const auto bytes = std::span(block).first(static_cast<std::size_t>(n));
      if (digest_) digest_->add(bytes);
      size_ += bytes.size();
      if (size_ > file_.bytes) return false;
    }
  }

  fs::path path_;
  const RemoteFile& file_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::optional<Digest> digest_;
};

// "bytes FIRST-LAST/TOTAL"
std::string expected_range(std::uint64_t from, std::uint64_t total) {
  return str_cat("bytes ", from, "-", total - 1, "/", total);
}

class Download {
 public:
  Download(Client& client, const RepositoryCache& cache, const RemoteFile& file,
           const Observer& observer)
      : client_(client),
        file_(file),
        observer_(observer),
        to_(cache.incomplete(file.etag), file) {}

  bool run(const fs::path& blob) {
    Patience patience = client_.patience();
    while (true) {
      while (!to_.complete()) {
        if (!fetch(patience)) return false;
      }
      if (to_.right()) break;
      begin_anew(
          "expected contents with the digest that the hub says, got "
          "others");
    }
    to_.move_to(blob);
    return true;
  }

 private:
  // One request. False if stopped.
  bool fetch(Patience& patience) {
    const std::uint64_t before = to_.size();
    const Contents contents = client_.get(
        file_, before, foreign_etag_,
        [&](const Contents& answer, std::span<const std::byte> bytes) {
          return take(answer, bytes);
        });
    foreign_etag_ = contents.foreign_etag;
    if (error_) throw *std::exchange(error_, std::nullopt);
    if (!wrong_.empty()) {
      begin_anew(std::exchange(wrong_, ""));
      return true;
    }
    begun_ = false;
    if (to_.size() > before) patience.reset();
    if (to_.complete()) return true;
    if (contents.response.stopped) return false;
    if (contents.response.status == kRangeNotSatisfiable) {
      begin_anew("expected the rest of the file, got status 416");
      return true;
    }
    return patience.wait(contents.response, file_.url);
  }

  // The next bytes. No exception may pass through libcurl.
  bool take(const Contents& answer, std::span<const std::byte> bytes) {
    try {
      if (!begun_) wrong_ = check(answer);
      if (!wrong_.empty()) return false;
      begun_ = true;
      if (bytes.size() > file_.bytes - to_.size()) {
        wrong_ = str_cat("expected ", file_.bytes, " bytes, got more");
        return false;
      }
      to_.append(bytes);
      observer_.came(file_.name, static_cast<std::int64_t>(bytes.size()));
      return true;
    } catch (const Error& error) {
      error_ = error;
      return false;
    }
  }

  // What is wrong with an answer, before its first byte; empty: nothing.
  std::string check(const Contents& answer) {
    const Response& response = answer.response;
    if (!answer.etag.empty() && answer.etag != file_.etag) {
      return str_cat("expected contents with the ETag ", file_.etag, ", got ",
                     printable(answer.etag));
    }
    std::uint64_t rest = file_.bytes;
    if (response.status == kPartial) {
      const std::string range = expected_range(to_.size(), file_.bytes);
      if (response.header("content-range") != range) {
        return str_cat("expected '", range, "', got '",
                       printable(response.header("content-range")), "'");
      }
      rest -= to_.size();
    } else {
      drop();
    }
    if (const auto length = response.length(); length && *length != rest) {
      return str_cat("expected ", rest, " bytes, the server announces ",
                     *length);
    }
    return "";
  }

  void drop() {
    if (to_.size() == 0) return;
    observer_.came(file_.name, -static_cast<std::int64_t>(to_.size()));
    to_.restart();
  }

  // Once: the beginning may have been of another version.
  void begin_anew(const std::string& why) {
    drop();
    begun_ = false;
    foreign_etag_.clear();
    if (std::exchange(anew_, true)) {
      to_.remove();
      throw Error(ErrorCode::kCorrupt,
                  str_cat("[hub.download] ", why, " (", file_.url, ")"));
    }
    observer_.note(str_cat(why, ": once more from the beginning (",
                           printable(file_.name), ")"));
  }

  Client& client_;
  const RemoteFile& file_;
  const Observer& observer_;
  IncompleteFile to_;
  std::string foreign_etag_;
  std::string wrong_;
  std::optional<Error> error_;
  bool begun_ = false;  // the answer has been checked
  bool anew_ = false;
};

}  // namespace

bool download(Client& client, const RepositoryCache& cache,
              const RemoteFile& file, const Observer& observer) {
  return Download(client, cache, file, observer).run(cache.blob(file.etag));
}

std::uint64_t bytes_here(const RepositoryCache& cache, const RemoteFile& file) {
  std::error_code failed;
  const auto bytes = fs::file_size(cache.incomplete(file.etag), failed);
  return failed || bytes > file.bytes ? 0 : bytes;
}

}  // namespace csm::hub
