#include <gtest/gtest.h>

#include <chrono>

#include "csm/base/error.h"
#include "csm/hub/http.h"
#include "csm/hub/patience.h"
#include "csm/hub/settings.h"

namespace csm::hub {
namespace {

TEST(Http, OriginsAreSchemeHostAndPort) {
  EXPECT_EQ(origin_of("https://Example.com/a?b"), "https://example.com:443");
  EXPECT_EQ(origin_of("http://127.0.0.1:8080/"), "http://127.0.0.1:8080");
  EXPECT_NE(origin_of("http://example.com/"), origin_of("https://example.com"));
  EXPECT_NE(origin_of("https://example.com.evil.org/"),
            origin_of("https://example.com/"));
  EXPECT_EQ(origin_of("https://user@example.com/"), "https://example.com:443");
  EXPECT_EQ(origin_of("no address"), "");
}

TEST(Http, LengthsAreNumbers) {
  Response response;
  EXPECT_FALSE(response.length());
  for (const char* text : {"", "-1", "1x", "0x1", "99999999999999999999"}) {
    response.headers["content-length"] = text;
    EXPECT_FALSE(response.length()) << text;
  }
  response.headers["content-length"] = "3100000000";
  EXPECT_EQ(response.length(), 3100000000U);
}

TEST(Patience, RetryAfter) {
  using std::chrono::seconds;
  const auto now = std::chrono::system_clock::from_time_t(784111777 - 90);
  EXPECT_EQ(retry_after("7", now), seconds(7));
  // RFC 9110's example of a date, 784111777 s after the epoch.
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), seconds(90));
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:40:00 GMT", now), seconds(0));
  for (const char* text : {"", "-5", "soon", "99999999999999"}) {
    EXPECT_FALSE(retry_after(text, now)) << text;
  }
}

TEST(Patience, WhatMayBeBetterLater) {
  Response response;
  response.failure = "broken off";
  EXPECT_TRUE(Patience::may_help(response));
  response.hopeless = true;
  EXPECT_FALSE(Patience::may_help(response));
  response = {};
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    response.status = status;
    EXPECT_TRUE(Patience::may_help(response)) << status;
  }
  for (const int status : {200, 302, 400, 401, 403, 404, 416, 501}) {
    response.status = status;
    EXPECT_FALSE(Patience::may_help(response)) << status;
  }
}

TEST(Settings, Endpoints) {
  EXPECT_EQ(checked_endpoint("https://hub.example/x//", "it"),
            "https://hub.example/x");
  for (const char* text :
       {"", "hub.example", "ftp://hub.example", "https://", "https:///x",
        "https://a b", "https://user@host", "https://host?x", "http://a\nb"}) {
    EXPECT_THROW((void)checked_endpoint(text, "it"), Error) << text;
  }
}

}  // namespace
}  // namespace csm::hub
