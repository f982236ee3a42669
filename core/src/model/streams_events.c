/* The campaign events that MoEngage documents, with the codes met in its sister integrations. A
 * look-up only: an event that is not here passes all the same. */
#include "model/streams_events.h"

#define EMAIL    "Email"
#define SMS      "SMS"
#define PUSH     "Push"
#define CARDS    "Cards"
#define IN_APP   "Mobile In-Apps"
#define ONSITE   "On-site Messaging"
#define FLOWS    "Flows"
#define WHATSAPP "WhatsApp"
#define WEBP     "Web Personalization"

/* clang-format off */
static const segmo__streams_event events[] = {
    {"MOE_EMAIL_SENT", "Email Sent", EMAIL},
    {"MOE_EMAIL_DEFERRED", "Email Deferred", EMAIL},
    {"MOE_EMAIL_DELIVERED", "Email Delivered", EMAIL},
    {"MOE_EMAIL_DROP", "Email Dropped", EMAIL},
    {"MOE_EMAIL_HARD_BOUNCE", "Email Bounced", EMAIL},
    {"MOE_EMAIL_SOFT_BOUNCE", "Email Soft Bounced", EMAIL},
    {"MOE_EMAIL_OPEN", "Email Opened", EMAIL},
    {"MOE_EMAIL_CLICK", "Email Clicked", EMAIL},
    {"MOE_EMAIL_UNSUBSCRIBE", "Email Unsubscribed", EMAIL},
    {"MOE_EMAIL_SPAM", "Email Spam Complained", EMAIL},
    {"MOE_EMAIL_DROPPED_UNSUBSCRIBE", "Email Unsubscribe Drop", EMAIL},
    {"MOE_EMAIL_VIB", "Email Viewed in Browser", EMAIL},
    {"MOE_EMAIL_SUBSCRIPTION_UPDATED", NULL, EMAIL},
    {"SMS_SENT", "SMS Sent", SMS},
    {"SMS_DELIVERED", "SMS Delivered", SMS},
    {"MOE_SMS_DELIVERY_FAILED", NULL, SMS},
    {"MOE_SMS_CLICKED", NULL, SMS},
    {"NOTIFICATION_RECEIVED_MOE", "Notification Received Android", PUSH},
    {"NOTIFICATION_CLICKED_MOE", "Notification Clicked Android", PUSH},
    {"NOTIFICATION_CLEARED_MOE", "Notification Swiped Android", PUSH},
    {"n_i_s", "Notification Sent iOS", PUSH},
    {"NOTIFICATION_RECEIVED_IOS_MOE", "Notification Received iOS", PUSH},
    {"NOTIFICATION_CLICKED_IOS_MOE", "Notification Clicked iOS", PUSH},
    {"NOTIFICATION_RECEIVED_WEB_MOE", "Notification Received Web", PUSH},
    {"NOTIFICATION_CLICKED_WEB_MOE", "Notification Clicked Web", PUSH},
    {"NOTIFICATION_CLICKED_WINDOWS_MOE", NULL, PUSH},
    {"NOTIFICATION_DISMISSED_IOS_MOE", NULL, PUSH},
    {"NOTIFICATION_RECEIVED_IOS_APP_ACTIVE", NULL, PUSH},
    {"MO_PUSH_PREFERENCE_CHANGED", NULL, PUSH},
    {"MOE_CONNECTOR_SENT", "Connector Sent", "Connector"},
    {"WEBHOOK_SENT", "Connector Sent", "Connector"},
    {"MOE_CARD_SENT", "Card Sent", CARDS},
    {"n_c_s", "Card Sent", CARDS},
    {"MOE_CARD_DELIVERED", "Card Delivered", CARDS},
    {"MOE_CARD_CAMPAIGN_DELIVERED", "Card Delivered", CARDS},
    {"MOE_CARD_VIEWED", "Card Viewed", CARDS},
    {"MOE_CARD_IMPRESSION", "Card Viewed", CARDS},
    {"MOE_CARD_CAMPAIGN_VIEWED", "Card Viewed", CARDS},
    {"MOE_CARD_CLICKED", "Card Clicked", CARDS},
    {"MOE_CARD_CAMPAIGN_CLICKED", "Card Clicked", CARDS},
    {"MOE_IN_APP_SHOWN", "Mobile In-App Shown", IN_APP},
    {"MOE_IN_APP_CLICKED", "Mobile In-App Clicked", IN_APP},
    {"MOE_IN_APP_DISMISSED", "Mobile In-App Closed", IN_APP},
    {"iOS_IN_APP_SHOWN", NULL, IN_APP},
    {"iOS_IN_APP_CLICKED", NULL, IN_APP},
    {"iOS_IN_APP_CLOSE_CLICKED", NULL, IN_APP},
    {"WINDOWS_IN_APP_SHOWN", NULL, IN_APP},
    {"WINDOWS_IN_APP_CLICKED", NULL, IN_APP},
    {"WINDOWS_IN_APP_CLOSE_CLICKED", NULL, IN_APP},
    {"IN_APP_SHOWN", NULL, IN_APP},
    {"IN_APP_CLICKED", NULL, IN_APP},
    {"IN_APP_CLOSE_CLICKED", NULL, IN_APP},
    {"MOE_ONSITE_MESSAGE_SHOWN", "On-site Message Shown", ONSITE},
    {"MOE_ONSITE_MESSAGE_CLICKED", "On-site Message Clicked", ONSITE},
    {"MOE_ONSITE_MESSAGE_DISMISSED", "On-site Message Closed", ONSITE},
    {"MOE_ONSITE_MESSAGE_CLOSED", "On-site Message Closed", ONSITE},
    {"USER_ENTERED_FLOW", "User Entered Flow", FLOWS},
    {"USER_EXITED_FLOW", "User Exited Flow", FLOWS},
    {"MOE_WHATSAPP_SENT", NULL, WHATSAPP},
    {"MOE_WHATSAPP_DELIVERED", NULL, WHATSAPP},
    {"MOE_WHATSAPP_DELIVERY_FAILED", NULL, WHATSAPP},
    {"MOE_WHATSAPP_READ", NULL, WHATSAPP},
    {"MOE_WHATSAPP_CLICKED", NULL, WHATSAPP},
    {"MOE_WEBP_MESSAGE_SHOWN", NULL, WEBP},
    {"MOE_WEBP_MESSAGE_CLICKED", NULL, WEBP},
    {"MOE_WEBP_MESSAGE_DISMISSED", NULL, WEBP},
    {"MOE_WEBP_MESSAGE_DELIVERED", NULL, WEBP},
    {"MOE_CAMPAIGN_CONTROL_GROUP", "User Added to Control Group", NULL},
    {"MOE_APP_OPENED", "App/Site Opened", NULL},
    {"MOE_PAGE_VIEWED", "Viewed Web Page", NULL},
    {"MOE_APP_EXIT", "App Exit", NULL},
    {"MOE_LOGOUT", "User Logout", NULL},
    {"TOKEN_EVENT", "Push ID Register Android", NULL},
    {"MOE_USER_MERGED", "User Merged", NULL},
    {"UPDATE", "App Update", NULL},
    {"INSTALL", "Install", NULL},
    {"REINSTALL", "Device ReInstall", NULL},
    {"MOE_USER_REINSTALL", "User ReInstall", NULL},
    {"MOE_OPT_IN_BLOCKED", "Denied Web Push Subscription", NULL},
    {"MOE_WEB_OPTIN_BANNER_LOAD", "Viewed soft-ask", NULL},
};
/* clang-format on */

#define EVENT_COUNT (sizeof events / sizeof events[0])

const segmo__streams_event *segmo__streams_event_find(segmo__slice code, segmo__slice name)
{
    for (size_t i = 0; i < EVENT_COUNT; i++)
        if (code.len > 0 && segmo__slice_is(code, events[i].code))
            return &events[i];
    for (size_t i = 0; i < EVENT_COUNT; i++)
        if (name.len > 0 && events[i].name && segmo__slice_is(name, events[i].name))
            return &events[i];
    return NULL;
}
