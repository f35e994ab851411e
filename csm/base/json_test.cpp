#include "csm/base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>

#include "csm/base/error.h"

namespace csm {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
    return error.what();
  }
  ADD_FAILURE() << "no throw";
  return {};
}

TEST(Json, BadTextNamesOrigin) {
  const std::string deep(1000, '[');
  const std::string bad[] = {
      "",         "{",  "{\"a\":1}x",        "nul",  "{'a':1}", "\xff\xfe",
      "{\"a\":}", deep, "{\"a\":1,\"a\":2}", "1e999"};
  for (const std::string& text : bad) {
    EXPECT_THAT(message_of([&] { (void)parse_json(text, "f.json"); }),
                HasSubstr("f.json"))
        << text;
  }
}

TEST(Json, FieldErrorsNameFieldExpectationAndValue) {
  const Json json = parse_json(
      R"({"n": 3, "f": 2.5, "s": "x", "b": true, "z": null})", "config.json");
  const JsonObject object(json, "config.json");
  EXPECT_EQ(object.integer("n", 0, 5), 3);
  EXPECT_EQ(object.number("f", 0, 5), 2.5);
  EXPECT_EQ(object.string("s"), "x");
  EXPECT_TRUE(object.boolean_or("b", false));
  EXPECT_FALSE(object.has("z"));
  EXPECT_EQ(object.integer_or("z", 0, 5, 4), 4);

  EXPECT_THAT(message_of([&] { (void)object.integer("n", 4, 5); }),
              HasSubstr("field 'n': expected an integer in [4, 5], got 3"));
  EXPECT_THAT(message_of([&] { (void)object.integer("f", 0, 5); }),
              HasSubstr("field 'f'"));
  EXPECT_THAT(message_of([&] { (void)object.integer("absent", 0, 5); }),
              HasSubstr("got nothing"));
  EXPECT_THAT(message_of([&] { (void)object.string("n"); }),
              HasSubstr("expected a string"));
  EXPECT_THAT(message_of([&] { (void)object.object("s"); }),
              HasSubstr("expected an object"));
}

TEST(Json, UnsignedBeyondInt64IsRefused) {
  const Json json = parse_json(R"({"n": 18446744073709551615})", "f");
  const JsonObject object(json, "f");
  (void)message_of([&] { (void)object.integer("n", -1, INT64_MAX); });
}

}  // namespace
}  // namespace csm
