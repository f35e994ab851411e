# cmake -DFOLDER=csm/server/page -DOPENAPI=openapi.json -DOUTPUT=file.cpp -P
# EmbedFiles.cmake
#
# Writes the files of a folder as the table behind
# csm/server/embedded_files.h.
file(
  GLOB_RECURSE files
  RELATIVE "${FOLDER}"
  "${FOLDER}/*")
list(SORT files)

set(types_html "text/html; charset=utf-8")
set(types_js "text/javascript; charset=utf-8")
set(types_css "text/css; charset=utf-8")
set(types_svg "image/svg+xml")
set(types_json "application/json")
set(types_txt "text/plain; charset=utf-8")
set(types_png "image/png")
set(types_woff2 "font/woff2")
set(types_webmanifest "application/manifest+json")

set(data "")
set(table "")
set(index 0)
function(embed file path)
  get_filename_component(extension "${file}" LAST_EXT)
  string(SUBSTRING "${extension}" 1 -1 extension)
  if(NOT DEFINED types_${extension})
    message(FATAL_ERROR "${file}: no content type for .${extension}")
  endif()
  file(READ "${file}" hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" hex
                       "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND data "const unsigned char kFile${index}[] = {\n${hex}0};\n")
  string(
    APPEND
    table
    "    {\"${path}\", \"${types_${extension}}\",\n"
    "     {reinterpret_cast<const char*>(kFile${index}), ${size}}},\n")
  math(EXPR next "${index} + 1")
  set(data "${data}" PARENT_SCOPE)
  set(table "${table}" PARENT_SCOPE)
  set(index "${next}" PARENT_SCOPE)
endfunction()

foreach(file IN LISTS files)
  if(file STREQUAL "index.html")
    embed("${FOLDER}/${file}" "/")
  else()
    embed("${FOLDER}/${file}" "/page/${file}")
  endif()
endforeach()
embed("${OPENAPI}" "/openapi.json")

file(
  WRITE "${OUTPUT}.new"
  "// Made by cmake/EmbedFiles.cmake.
#include \"csm/server/embedded_files.h\"

namespace csm::server {
namespace {

${data}
const EmbeddedFile kFiles[] = {
${table}};

}  // namespace

std::optional<EmbeddedFile> find_embedded(std::string_view path) {
  for (const EmbeddedFile& file : kFiles) {
    if (file.path == path) return file;
  }
  return std::nullopt;
}

}  // namespace csm::server
")
file(RENAME "${OUTPUT}.new" "${OUTPUT}")
