/* The page's files, part of the program: they are read from disk when it is built, never after. */
#include "page_parts.h"

#define FILE_BYTES(name, path)                                                                     \
    __asm__(".pushsection .rodata\n"                                                               \
            "page_file_" #name ":\n"                                                               \
            ".incbin \"core/program/gateway/page/" path "\"\n"                                     \
            "page_file_" #name "_end:\n"                                                           \
            ".popsection\n");                                                                      \
    extern const char page_file_##name[], page_file_##name##_end[]

FILE_BYTES(index, "index.html");
FILE_BYTES(style, "style.css");
FILE_BYTES(icon, "icon.svg");
FILE_BYTES(main, "main.js");
FILE_BYTES(dom, "dom.js");
FILE_BYTES(session, "session.js");
FILE_BYTES(messages, "messages.js");
FILE_BYTES(list, "list.js");
FILE_BYTES(detail, "detail.js");
FILE_BYTES(exact, "exact.js");
FILE_BYTES(compare, "compare.js");
FILE_BYTES(overview, "overview.js");
FILE_BYTES(charts, "charts.js");
FILE_BYTES(dead, "dead.js");

#define HTML   "text/html; charset=utf-8"
#define CSS    "text/css; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"

static const struct {
    const char *path, *type, *bytes, *end;
} files[] = {
    {"/debug", HTML, page_file_index, page_file_index_end},
    {"/debug/", HTML, page_file_index, page_file_index_end},
    {"/debug/style.css", CSS, page_file_style, page_file_style_end},
    {"/debug/icon.svg", "image/svg+xml", page_file_icon, page_file_icon_end},
    {"/debug/main.js", SCRIPT, page_file_main, page_file_main_end},
    {"/debug/dom.js", SCRIPT, page_file_dom, page_file_dom_end},
    {"/debug/session.js", SCRIPT, page_file_session, page_file_session_end},
    {"/debug/messages.js", SCRIPT, page_file_messages, page_file_messages_end},
    {"/debug/list.js", SCRIPT, page_file_list, page_file_list_end},
    {"/debug/detail.js", SCRIPT, page_file_detail, page_file_detail_end},
    {"/debug/exact.js", SCRIPT, page_file_exact, page_file_exact_end},
    {"/debug/compare.js", SCRIPT, page_file_compare, page_file_compare_end},
    {"/debug/overview.js", SCRIPT, page_file_overview, page_file_overview_end},
    {"/debug/charts.js", SCRIPT, page_file_charts, page_file_charts_end},
    {"/debug/dead.js", SCRIPT, page_file_dead, page_file_dead_end},
};

const char *page_file(segmo__slice path, const char **type, size_t *len)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!segmo__slice_is(path, files[i].path))
            continue;
        *type = files[i].type;
        *len = (size_t)(files[i].end - files[i].bytes);
        return files[i].bytes;
    }
    return NULL;
}
