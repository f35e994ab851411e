#include "csm/weights/tensor_names.h"

#include <algorithm>
#include <set>

#include "csm/base/str_cat.h"
#include "csm/weights/name_tables.h"

namespace csm::weights {
namespace {

// mlx-audio's prefix of every name, and its module for the codec, whose names
// are neither of Mimi's.
constexpr std::string_view kModelPrefix = "model.";
constexpr std::string_view kOtherCodec = "_audio_tokenizer.";
constexpr std::string_view kUnused = "unused.";

bool has_prefixes(Layout layout) {
  return layout == Layout::kOriginal || layout == Layout::kMlx;
}

using Names = std::set<std::string, std::less<>>;

void require(const Names& names, const std::string& name,
             std::vector<std::string>& missing) {
  if (!names.contains(name)) missing.push_back(name);
}

// One above the highest number behind a prefix.
int count_behind(const Names& names, std::string_view prefix) {
  int count = 0;
  for (const std::string& name : names) {
    if (const auto number = number_behind(name, prefix)) {
      count = std::max(count, *number + 1);
    }
  }
  return count;
}

void require_layers(const Names& names, const char* stack,
                    std::vector<std::string>& missing) {
  const int n = std::max(count_behind(names, stack), 1);
  for (int layer = 0; layer < n; ++layer) {
    for (const char* kind :
         {"q", "k", "v", "o", "gate", "up", "down", "attn_norm", "ffn_norm"}) {
      require(names, str_cat(stack, layer, ".", kind), missing);
    }
  }
}

void require_codebooks(const Names& names, const char* kind,
                       std::vector<std::string>& missing) {
  const std::string prefix =
      str_cat("codec.quantizer.", kind, "_residual_vector_quantizer.layers.");
  const int n = count_behind(names, prefix);
  for (int layer = 0; layer < n; ++layer) {
    const std::string book = str_cat(prefix, layer, ".codebook.");
    if (names.contains(book + "embed")) continue;
    require(names, book + "embed_sum", missing);
    require(names, book + "cluster_usage", missing);
  }
}

}  // namespace

std::vector<TensorRole> roles_of(Layout layout, std::string_view source_name) {
  if (has_prefixes(layout) && source_name.starts_with(kModelPrefix)) {
    source_name.remove_prefix(kModelPrefix.size());
  }
  std::vector<TensorRole> roles;
  for (const NameTable& table : name_tables(layout)) {
    if (!source_name.starts_with(table.source_prefix)) continue;
    const auto rest = source_name.substr(table.source_prefix.size());
    for (const NameRow& row : table.rows) {
      const auto canonical = translate(rest, row.source, row.canonical);
      if (!canonical) continue;
      roles.push_back({str_cat(table.canonical_prefix, *canonical),
                       row.interleaved, row.part, row.n_parts});
      if (static_cast<int>(roles.size()) == row.n_parts) return roles;
    }
  }
  if (layout == Layout::kMlx && source_name.starts_with(kOtherCodec)) {
    roles.push_back({.canonical = str_cat(kUnused, source_name)});
  }
  return roles;
}

std::optional<std::string> canonical_name(Layout layout,
                                          std::string_view source_name) {
  const auto roles = roles_of(layout, source_name);
  if (roles.size() != 1) return std::nullopt;
  return roles.front().canonical;
}

std::optional<std::string> source_name(Layout layout,
                                       std::string_view canonical) {
  for (const NameTable& table : name_tables(layout)) {
    if (!canonical.starts_with(table.canonical_prefix)) continue;
    const auto rest = canonical.substr(table.canonical_prefix.size());
    for (const NameRow& row : table.rows) {
      if (const auto name = translate(rest, row.canonical, row.source)) {
        return str_cat(table.source_prefix, *name);
      }
    }
  }
  return std::nullopt;
}

bool is_ignorable(std::string_view canonical) {
  return canonical.ends_with(".codebook.initialized") ||
         canonical.ends_with(".inv_freq") || canonical.starts_with(kUnused);
}

bool is_codec(std::string_view canonical) {
  return canonical.starts_with("codec.");
}

std::vector<std::string> missing_names(std::span<const std::string> canonical) {
  const Names names(canonical.begin(), canonical.end());
  std::vector<std::string> missing;
  require(names, "text_emb", missing);
  if (!names.contains("audio_emb") && !names.contains("dd.audio_emb")) {
    missing.insert(missing.end(), {"audio_emb", "dd.audio_emb"});
  }
  for (const char* name :
       {"bb.norm", "dd.norm", "proj", "c0_head", "audio_head"}) {
    require(names, name, missing);
  }
  require_layers(names, "bb.", missing);
  require_layers(names, "dd.", missing);
  require_codebooks(names, "semantic", missing);
  require_codebooks(names, "acoustic", missing);
  return missing;
}

}  // namespace csm::weights
