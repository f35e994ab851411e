// What bytes of clients are taken for: base64, forms, targets, keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "csm/server/api_keys.h"
#include "csm/server/base64.h"
#include "csm/server/client_limits.h"
#include "csm/server/http_head.h"
#include "csm/server/http_message.h"
#include "csm/server/multipart.h"

namespace csm::server {
namespace {

using testing::HasSubstr;

// RFC 4648, section 10.
TEST(Base64, PublishedVectors_BothWays) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base64_encode(bytes), text);
    EXPECT_EQ(base64_decode(text), bytes);
  }
}

TEST(Base64, Malformed_Nothing) {
  for (const char* text : {"A", "Zg=", "Z===", "Zm9v!", "Zh==", "Zm 9"}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
  EXPECT_EQ(base64_decode("Zm8"), "fo") << "padding may be missing";
  EXPECT_EQ(base64_decode("data:audio/wav;base64,Zm8="), "fo");
  EXPECT_FALSE(base64_decode("data:audio/wav,Zm8="));
}

TEST(UrlDecode, Codes_AreBytes) {
  EXPECT_EQ(url_decode("a%20b+c%2F"), "a b c/");
  for (const char* text : {"%", "%4", "%zz", "%00", "%-1"}) {
    EXPECT_FALSE(url_decode(text)) << text;
  }
}

TEST(ReadTarget, PathAndQuery_AreTakenApart) {
  HttpRequest request;
  ASSERT_TRUE(read_target("/a%20b?x=1&y=&z&x=2", request));
  EXPECT_EQ(request.path, "/a b");
  EXPECT_EQ(request.query.at("x"), "2");
  EXPECT_EQ(request.query.at("y"), "");
  EXPECT_EQ(request.query.at("z"), "");
  EXPECT_FALSE(read_target("http://host/a", request));
  EXPECT_FALSE(read_target("/?%", request));
}

TEST(WriteHead, NewLinesInAValue_BeginNoHeader) {
  const std::string head =
      write_head({.headers = {{"X", "a\r\nSet-Cookie: b"}}, .body = "123"},
                 Framing::kLength, true);
  EXPECT_THAT(head, HasSubstr("X: a  Set-Cookie: b\r\n"));
  EXPECT_THAT(head, HasSubstr("Content-Length: 3\r\n"));
}

TEST(WriteChunk, LengthIsHexadecimal) {
  EXPECT_EQ(write_chunk(std::string(26, 'x')),
            "1a\r\n" + std::string(26, 'x') + "\r\n");
  EXPECT_EQ(write_chunk(""), "");
  EXPECT_EQ(write_last_chunk({{"x", "1"}}), "0\r\nx: 1\r\n\r\n");
}

constexpr const char* kType = "multipart/form-data; boundary=\"b b\"";

TEST(ReadForm, Parts_HaveNamesAndBytes) {
  const std::string body =
      "--b b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nanna\r\n"
      "--b b\r\nContent-Disposition: form-data; name=audio; "
      "filename=\"a \\\"b\\\".wav\"\r\nContent-Type: audio/wav\r\n\r\n"
      "\r\n--b\r\nx\r\n--b b--\r\n";
  const auto parts = read_form(kType, body);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].name, "name");
  EXPECT_EQ(parts[0].data, "anna");
  EXPECT_EQ(parts[1].name, "audio");
  EXPECT_EQ(parts[1].file_name, "a \"b\".wav");
  EXPECT_EQ(parts[1].content_type, "audio/wav");
  EXPECT_EQ(parts[1].data, "\r\n--b\r\nx");
}

TEST(ReadForm, Malformed_IsRefused) {
  const char* head = "--b b\r\nContent-Disposition: form-data; name=a\r\n\r\n";
  for (const std::string& body :
       {std::string(), std::string("x"), std::string("--b b"),
        std::string(head) + "x", std::string("--b b\r\nX\r\n\r\nx\r\n--b b--"),
        std::string("--b b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b "
                    "b--")}) {
    EXPECT_THROW((void)read_form(kType, body), RequestError) << body;
  }
  EXPECT_THROW((void)read_form("multipart/form-data", "--"), RequestError);
  EXPECT_THROW((void)read_form("text/plain; boundary=b", "--b--"),
               RequestError);
  std::string many;
  for (int i = 0; i < 33; ++i) many += std::string(head) + "x\r\n";
  EXPECT_THROW((void)read_form(kType, many + "--b b--"), RequestError);
}

TEST(ApiKeys, Lines_AreKeysWithNames) {
  const ApiKeys keys = ApiKeys::parse(
      "# ours\n\n0123456789abcdef alice\nfedcba9876543210\n", "f");
  EXPECT_EQ(keys.find("0123456789abcdef"), "alice");
  EXPECT_EQ(keys.find("fedcba9876543210"), "key-2");
  for (const char* other : {"", "0123456789abcde", "alice", "# ours"}) {
    EXPECT_FALSE(keys.find(other)) << other;
  }
}

TEST(ApiKeys, BadLines_AreRefused) {
  for (const char* text :
       {"", "# nothing\n", "short\n", "0123456789abcdef\n0123456789abcdef\n"}) {
    EXPECT_THROW((void)ApiKeys::parse(text, "f"), Error) << text;
  }
}

TEST(PresentedKey, AllHeadersThatClientsUse) {
  EXPECT_EQ(presented_key({{"authorization", "Bearer abc"}}), "abc");
  EXPECT_EQ(presented_key({{"Authorization", "BEARER abc"}}), "abc");
  EXPECT_EQ(presented_key({{"X-API-Key", "abc"}}), "abc");
  EXPECT_EQ(presented_key({{"xi-api-key", "abc"}}), "abc");
  EXPECT_EQ(presented_key({{"Authorization", "Basic abc"}}), "");
}

TEST(ClientLimits, Requests_AreOnesOfAMinute) {
  ClientLimits limits({.max_streams = 1, .requests_per_minute = 2});
  EXPECT_FALSE(limits.take_request("a", 0));
  EXPECT_FALSE(limits.take_request("a", 0));
  EXPECT_EQ(limits.take_request("a", 0), 30);
  EXPECT_FALSE(limits.take_request("b", 0));
  EXPECT_FALSE(limits.take_request("a", 31));
}

TEST(ClientLimits, Streams_AreOnesAtOnce) {
  ClientLimits limits({.max_streams = 1, .requests_per_minute = 1});
  EXPECT_TRUE(limits.begin_stream("a"));
  EXPECT_FALSE(limits.begin_stream("a"));
  EXPECT_TRUE(limits.begin_stream("b"));
  limits.end_stream("a");
  EXPECT_TRUE(limits.begin_stream("a"));
}

}  // namespace
}  // namespace csm::server
