/* Functions with variable arguments: they format, and hand the text to the library. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/cmn_err.h>

/* The library's, in src/kernel/message.rs. It does not keep the text. */
extern void ddi_dma_c_message(int level, const char *text);
extern void ddi_dma_c_device_message(dev_info_t *dip, int level, const char *text);

/* What cmn_err and its kind jump to. */
#define WITHIN __attribute__((visibility("hidden")))
WITHIN void ddi_dma_c_cmn_err(int level, const char *format, ...);
WITHIN void ddi_dma_c_vcmn_err(int level, const char *format, va_list ap);
WITHIN void ddi_dma_c_dev_err(dev_info_t *dip, int level, const char *format, ...);
WITHIN void ddi_dma_c_vdev_err(dev_info_t *dip, int level, const char *format, va_list ap);
WITHIN void ddi_dma_c_panic(const char *format, ...);
WITHIN void ddi_dma_c_vpanic(const char *format, va_list ap);

/* Most messages fit; a longer one takes memory, and is cut to this where there is none. */
#define SHORT_MESSAGE 512

/* A text, and the memory that it took. */
struct text {
    char in_place[SHORT_MESSAGE];
    char *allocated;
};

static const char *format_text(struct text *text, const char *format, va_list ap)
{
    va_list again;
    int length;

    text->allocated = NULL;
    if (format == NULL)
        return ("(the format is NULL)");
    /* Where the message goes. Standard error is every place. */
    if (*format == '!' || *format == '^' || *format == '?')
        format++;
    va_copy(again, ap);
    length = vsnprintf(text->in_place, sizeof(text->in_place), format, ap);
    if (length >= (int)sizeof(text->in_place)) {
        text->allocated = malloc((size_t)length + 1);
        if (text->allocated != NULL)
            length = vsnprintf(text->allocated, (size_t)length + 1, format, again);
    }
    va_end(again);
    if (length < 0)
        return (format);
    return (text->allocated != NULL ? text->allocated : text->in_place);
}

void ddi_dma_c_vcmn_err(int level, const char *format, va_list ap)
{
    struct text text;

    ddi_dma_c_message(level, format_text(&text, format, ap));
    free(text.allocated);
}

void ddi_dma_c_vdev_err(dev_info_t *dip, int level, const char *format, va_list ap)
{
    struct text text;

    ddi_dma_c_device_message(dip, level, format_text(&text, format, ap));
    free(text.allocated);
}

void ddi_dma_c_vpanic(const char *format, va_list ap)
{
    ddi_dma_c_vcmn_err(CE_PANIC, format, ap);
}

void ddi_dma_c_cmn_err(int level, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    ddi_dma_c_vcmn_err(level, format, ap);
    va_end(ap);
}

void ddi_dma_c_dev_err(dev_info_t *dip, int level, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    ddi_dma_c_vdev_err(dip, level, format, ap);
    va_end(ap);
}

void ddi_dma_c_panic(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    ddi_dma_c_vpanic(format, ap);
    va_end(ap);
}
