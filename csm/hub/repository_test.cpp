#include "csm/hub/repository.h"

#include <gtest/gtest.h>

#include <string>

namespace csm::hub {
namespace {

TEST(Repository, PartsOfAName) {
  const auto plain = parse_repository("sesame/csm-1b");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->id(), "sesame/csm-1b");
  EXPECT_EQ(plain->revision, "main");
  EXPECT_EQ(plain->file, "");
  EXPECT_EQ(plain->text(), "sesame/csm-1b");

  const auto all = parse_repository("a.b/c_d@refs/pr/7:q8/model.gguf");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->owner, "a.b");
  EXPECT_EQ(all->name, "c_d");
  EXPECT_EQ(all->revision, "refs/pr/7");
  EXPECT_EQ(all->file, "q8/model.gguf");
  EXPECT_EQ(all->text(), "a.b/c_d@refs/pr/7:q8/model.gguf");
}

TEST(Repository, WhatIsNoName) {
  for (const char* text :
       {"",        "csm-1b", "/csm",     "sesame/",  "a/b/c",     "../b",
        "./b",     "a/..",   "a/b..c",   "a--b/c",   "-a/b",      "a/b-",
        "a/b.",    "a b/c",  "a/b@",     "a/b@../x", "a/b@/x",    "a/b@x//y",
        "a/b@x y", "a/b:",   "a/b:../x", "a/b:/x",   "a/b:x/./y", "a/b:x\\y",
        "~/b",     "a/b?c",  "a/b#c"}) {
    EXPECT_FALSE(parse_repository(text)) << text;
  }
  EXPECT_FALSE(parse_repository("a/" + std::string(97, 'b')));
}

TEST(Repository, PathsThatStayInside) {
  for (const char* path :
       {"a", "a/b", "..a/b..", ".gitattributes", "a b/c", "\xc3\xa4.json"}) {
    EXPECT_TRUE(is_safe_path(path)) << path;
  }
  for (const char* path : {"", "/", "/a", "a/", "a//b", "..", "a/../b", ".",
                           "./a", "a/.", "a\\..\\b", "c:x", "a\nb", "a\x7f"}) {
    EXPECT_FALSE(is_safe_path(path)) << path;
  }
  EXPECT_FALSE(is_safe_path(std::string("a\0b", 3)));
  EXPECT_FALSE(is_safe_path(std::string(256, 'a')));
}

TEST(Repository, Commits) {
  EXPECT_TRUE(is_commit("0123456789abcdef0123456789abcdef01234567"));
  EXPECT_FALSE(is_commit("0123456789ABCDEF0123456789abcdef01234567"));
  EXPECT_FALSE(is_commit("0123456789abcdef0123456789abcdef0123456"));
  EXPECT_FALSE(is_commit("main"));
}

// Python: urllib.parse.quote(text, safe="" or "/").
TEST(Repository, UrlEscapes) {
  EXPECT_EQ(url_escape("refs/pr/1", false), "refs%2Fpr%2F1");
  EXPECT_EQ(url_escape("a b/c%+~\xc3\xa4", true), "a%20b/c%25%2B~%C3%A4");
}

}  // namespace
}  // namespace csm::hub
