/* Functions with variable arguments: they format, and hand the text to the library. */

#include "format.h"

#include <stdarg.h>
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

/* The text of a message, in memory of its own; NULL where there is none. */
static char *text_of(const char *format, va_list ap)
{
    if (format == NULL)
        return (NULL);
    /* Where the message goes. Standard error is every place. */
    if (*format == '!' || *format == '^' || *format == '?')
        format++;
    return (ddi_dma_c_format(format, ap));
}

/* What is said where there is no memory for a text. */
static const char *or_format(const char *text, const char *format)
{
    if (text != NULL)
        return (text);
    return (format != NULL ? format : "(the format is NULL)");
}

void ddi_dma_c_vcmn_err(int level, const char *format, va_list ap)
{
    char *text = text_of(format, ap);

    ddi_dma_c_message(level, or_format(text, format));
    free(text);
}

void ddi_dma_c_vdev_err(dev_info_t *dip, int level, const char *format, va_list ap)
{
    char *text = text_of(format, ap);

    ddi_dma_c_device_message(dip, level, or_format(text, format));
    free(text);
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
