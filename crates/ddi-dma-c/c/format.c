/*
 * Formats. One without `%b` is the C library's affair. One with it is done conversion by conversion: each but `%b` is
 * given to the C library with the one argument that it takes.
 */

#define _POSIX_C_SOURCE 200809L

#include "format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A conversion's flags, width, precision and size take no more; what is beyond it is left out. */
#define CONVERSION 64
#define NUMBER 16

/* So that functions can take arguments from it one after the other. */
struct arguments {
    va_list list;
};

/* What a conversion says before its letter. */
struct conversion {
    /* From the `%` on, with widths and precisions that are arguments written out. */
    char text[CONVERSION];
    size_t length;
    /* Its integer is a long; its floating-point number is a long double. */
    int is_long;
    int is_long_double;
};

static int is_one_of(char c, const char *set)
{
    return (c != '\0' && strchr(set, c) != NULL);
}

/* The letter of the conversion whose `%` is before `format`. */
static const char *letter(const char *format)
{
    return (format + strspn(format, "-+ #0123456789.'*hljztqL"));
}

static int names_bits(const char *format)
{
    const char *percent = format;

    while ((percent = strchr(percent, '%')) != NULL) {
        percent = letter(percent + 1);
        if (*percent == 'b')
            return (1);
        if (*percent != '\0')
            percent++;
    }
    return (0);
}

/* Adds the argument of a `*`. A precision below 0 is none. */
static void add_number(struct conversion *conversion, int number)
{
    if (number < 0 && conversion->text[conversion->length - 1] == '.')
        conversion->length--;
    else
        conversion->length += (size_t)snprintf(conversion->text + conversion->length, NUMBER, "%d", number);
}

static void parse(struct conversion *conversion, const char *from, const char *to, struct arguments *arguments)
{
    conversion->text[0] = '%';
    conversion->length = 1;
    conversion->is_long = 0;
    conversion->is_long_double = 0;
    for (; from < to; from++) {
        int number = *from == '*' ? va_arg(arguments->list, int) : 0;

        conversion->is_long |= is_one_of(*from, "ljztq");
        conversion->is_long_double |= *from == 'L';
        /* Room for a number, the letter and the end. */
        if (conversion->length + NUMBER + 2 > CONVERSION)
            continue;
        if (*from == '*')
            add_number(conversion, number);
        else
            conversion->text[conversion->length++] = *from;
    }
}

/* The value as the first character of `names` says, and then the names of its bits that are set. */
static void put_bits(FILE *out, struct conversion *conversion, unsigned int value, const char *names)
{
    const char *before = "<";

    conversion->text[conversion->length] = 'x';
    if (names != NULL && *names != '\0') {
        if (*names == 8)
            conversion->text[conversion->length] = 'o';
        else if (*names == 10)
            conversion->text[conversion->length] = 'u';
        names++;
    }
    fprintf(out, conversion->text, value);
    while (names != NULL && *names != '\0') {
        /* The lowest is 1. What follows, up to the next number, is its name. */
        unsigned int bit = (unsigned char)*names++;
        int length = 0;

        while ((unsigned char)names[length] >= ' ')
            length++;
        if (bit >= 1 && bit <= 32 && (value >> (bit - 1) & 1) != 0) {
            fprintf(out, "%s%.*s", before, length, names);
            before = ",";
        }
        names += length;
    }
    if (*before == ',')
        fputc('>', out);
}

/* One conversion, of which `kind` is the letter. */
static void put(FILE *out, struct conversion *conversion, char kind, struct arguments *arguments)
{
    conversion->text[conversion->length] = kind;
    conversion->text[conversion->length + 1] = '\0';
    if (kind == 'b') {
        unsigned int value = va_arg(arguments->list, unsigned int);

        put_bits(out, conversion, value, va_arg(arguments->list, const char *));
    } else if (is_one_of(kind, "diouxXc")) {
        if (conversion->is_long)
            fprintf(out, conversion->text, va_arg(arguments->list, long));
        else
            fprintf(out, conversion->text, va_arg(arguments->list, int));
    } else if (is_one_of(kind, "eEfFgGaA")) {
        if (conversion->is_long_double)
            fprintf(out, conversion->text, va_arg(arguments->list, long double));
        else
            fprintf(out, conversion->text, va_arg(arguments->list, double));
    } else if (is_one_of(kind, "sp")) {
        fprintf(out, conversion->text, va_arg(arguments->list, void *));
    } else if (kind == 'n') {
        /* It writes where a mistaken driver says; it is passed over. */
        (void) va_arg(arguments->list, void *);
    } else if (kind == '%') {
        fputc('%', out);
    } else {
        fputs(conversion->text, out);
    }
}

static void put_each(FILE *out, const char *format, struct arguments *arguments)
{
    while (*format != '\0') {
        struct conversion conversion;
        size_t plain = strcspn(format, "%");
        const char *end;

        fwrite(format, 1, plain, out);
        format += plain;
        if (*format == '\0')
            return;
        end = letter(format + 1);
        parse(&conversion, format + 1, end, arguments);
        if (*end == '\0')
            return;
        put(out, &conversion, *end, arguments);
        format = end + 1;
    }
}

char *ddi_dma_c_format(const char *format, va_list ap)
{
    struct arguments arguments;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return (NULL);
    va_copy(arguments.list, ap);
    if (names_bits(format))
        put_each(out, format, &arguments);
    else
        (void) vfprintf(out, format, arguments.list);
    va_end(arguments.list);
    if (fclose(out) != 0) {
        free(text);
        return (NULL);
    }
    return (text);
}
