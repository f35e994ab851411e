#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace csm::validate {

/// Text for an HTML page: &, <, > and " as entities.
[[nodiscard]] std::string html_escape(std::string_view text);

/// RFC 4648 base64 with padding.
[[nodiscard]] std::string base64(std::string_view bytes);

/// A table that scrolls sideways; the first line is its head. Cells are HTML.
[[nodiscard]] std::string html_table(
    const std::vector<std::vector<std::string>>& lines);

/// The head of a page with the style sheet: light and dark by the reader's
/// preference.
[[nodiscard]] std::string page_head(const std::string& title);

}  // namespace csm::validate
